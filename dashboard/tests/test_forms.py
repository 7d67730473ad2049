"""The configuration's form is read as strictly as a request."""

import pytest

from dashboard.forms import ConfigurationForm


@pytest.mark.parametrize("text", ["+1", "1.0", "1\u00002", "x" * 129])
def test_user_of_a_preview_in_another_form_is_refused(casino_a, text):
    assert "user_id" in ConfigurationForm({"user_id": text}, casino=casino_a).errors


@pytest.mark.parametrize("text", ["31", "01", "sr:user:1"])
def test_user_of_a_preview_may_be_a_number_or_text(casino_a, text):
    assert "user_id" not in ConfigurationForm({"user_id": text}, casino=casino_a).errors


def test_name_that_occurs_twice_in_a_schema_is_refused(casino_a):
    form = ConfigurationForm({"recommendation_schema": '{"a": "int", "a": "int"}'}, casino=casino_a)
    assert "a name occurs twice" in str(form.errors["recommendation_schema"])
