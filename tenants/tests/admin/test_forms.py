"""The admin's forms accept plain decimal digits for numbers, and no other notation."""

import pytest

from tenants.admin.forms import CasinoForm, DatabaseServerForm

OTHER_FORMS = pytest.mark.parametrize("text", ["1_0", "+1", "1.0", "01", "\u0663", "1e3"])


@OTHER_FORMS
def test_number_in_another_form_is_refused_at_its_field(casino_a, text):
    errors = CasinoForm({"name": "Nova", "request_rate": text, "request_bytes": text}).errors
    assert set(errors) == {"request_rate", "request_bytes"}
    assert "capacity" in DatabaseServerForm({"name": "second", "capacity": text, "state": "open"}).errors


@pytest.mark.parametrize(("text", "number"), [("10", 10), (" 10 ", 10), ("0", 0), ("", None)])
def test_number_in_the_one_form_is_accepted(casino_a, text, number):
    form = CasinoForm({"name": "Nova", "request_rate": text})
    assert form.is_valid()
    assert form.cleaned_data["request_rate"] == number
