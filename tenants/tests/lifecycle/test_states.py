import itertools

import pytest

from tenants.errors import WrongState
from tenants.lifecycle.states import advance, require_state
from tenants.models import Casino, CasinoState

ALLOWED = {
    ("requested", "creating"), ("requested", "failed"), ("requested", "deleting"),
    ("creating", "creating"), ("creating", "active"), ("creating", "failed"), ("creating", "deleting"),
    ("failed", "creating"), ("failed", "failed"), ("failed", "deleting"),
    ("active", "suspended"), ("active", "moving"), ("active", "deleting"),
    ("suspended", "active"), ("suspended", "deleting"),
    ("moving", "active"), ("moving", "deleting"),
    ("deleting", "deleting"), ("deleting", "deleted"), ("deleting", "active"), ("deleting", "suspended"),
    ("deleting", "moving"),
    ("deleted", "active"),
}  # fmt: skip


@pytest.mark.covered
@pytest.mark.parametrize(("before", "after"), list(itertools.product(CasinoState, CasinoState)))
def test_casino_changes_only_to_allowed_states(casino_a, before, after):
    Casino.objects.filter(pk=casino_a.pk).update(state=before, state_detail="why")
    if (before, after) in ALLOWED:
        advance(casino_a, after)
        assert (casino_a.state, casino_a.state_detail) == (after, "")
    else:
        with pytest.raises(
            WrongState, match=rf"Alpha \(casino 1\) is {before}; only a casino that is .+ can become {after}"
        ):
            advance(casino_a, after)
        assert (casino_a.state, casino_a.state_detail) == (before, "why")


def test_the_catalogues_state_counts_not_the_objects(casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(state=CasinoState.DELETED)
    assert casino_a.state == CasinoState.ACTIVE
    with pytest.raises(WrongState, match="is deleted; only a casino that is"):
        advance(casino_a, CasinoState.SUSPENDED)


def test_other_columns_change_together_with_the_state_or_not_at_all(casino_a, casino_b):
    advance(casino_a, CasinoState.SUSPENDED, detail="unpaid", schema_version="older")
    assert (casino_a.state_detail, casino_a.schema_version) == ("unpaid", "older")
    with pytest.raises(WrongState):
        advance(casino_a, CasinoState.MOVING, schema_version="newer")
    assert casino_a.schema_version == "older"
    casino_b.refresh_from_db()
    assert casino_b.state == CasinoState.ACTIVE


def test_required_state_is_that_of_the_catalogue(casino_a):
    stale = Casino.objects.get(pk=casino_a.pk)
    Casino.objects.filter(pk=casino_a.pk).update(state=CasinoState.SUSPENDED)
    require_state(stale, CasinoState.SUSPENDED)
    with pytest.raises(WrongState, match="is suspended; it must be active or moving"):
        require_state(stale, CasinoState.ACTIVE, CasinoState.MOVING)
