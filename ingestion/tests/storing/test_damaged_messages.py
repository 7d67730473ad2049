"""A message that closes or restricts does so in any damaged form."""

from typing import Any

import pytest

from ingestion.tests.closing_messages import Feed, ahead, event, user
from ingestion.tests.damaged_forms import DAMAGED, KEYED

pytestmark = pytest.mark.slow

CLOSINGS: list[dict[str, Any]] = [
    {"status": "suspended"}, {"status": "cancelled"}, {"status": "settled"}, {"status": "PST"}, {"status": "whatever"},
    {"odd": None}, {"odd": 0}, {"odd": "-"},
]  # fmt: skip
RESTRICTIONS: list[dict[str, Any]] = [
    {"status": "self_excluded"}, {"status": "time_out", "status_until": ahead(days=9)}, {"status": "closed"},
    {"status": "Blocked"}, {"status": "whatever"}, {"stake_limit": 0}, {"limit_left": -5}, {"limit_left": "none"},
]  # fmt: skip
FORMS = [(damage, False) for damage in DAMAGED.values()] + [(damage, True) for damage in KEYED.values()]
PARTIAL = pytest.mark.parametrize("is_partial", [False, True])


def damaged(known, changes, is_partial):
    """The messages in all forms with their keys, each about the next of the known rows."""
    values, keys = [], []
    for each, (damage, is_keyed) in zip(known, FORMS, strict=True):
        values.append(damage({"id": each["id"]} | changes if is_partial else each | changes))
        keys.append(str(each["id"]).encode() if is_keyed else None)
    return values, keys


@PARTIAL
def test_a_closing_message_in_any_damaged_form_leaves_no_event_recommended(casino_a, is_partial):
    feed = Feed(casino_a)
    known = [event(number) for number in range(len(FORMS) * len(CLOSINGS))]
    feed.events(*known)
    assert len(feed.recommended()) == len(known)
    for place, changes in enumerate(CLOSINGS):
        values, keys = damaged(known[place * len(FORMS) : (place + 1) * len(FORMS)], changes, is_partial)
        feed.events(*values, keys=keys)
    left = sorted(feed.recommended())
    assert [([*DAMAGED, *KEYED][number % len(FORMS)], CLOSINGS[number // len(FORMS)]) for number in left] == []


@pytest.mark.covered
@PARTIAL
def test_a_restricting_message_in_any_damaged_form_leaves_no_user_shown_bets(casino_a, is_partial):
    feed = Feed(casino_a)
    feed.events(event(0))
    known = [user(number) for number in range(len(FORMS) * len(RESTRICTIONS))]
    feed.users(*known)
    assert len(feed.shown_bets(range(len(known)))) == len(known)
    for place, changes in enumerate(RESTRICTIONS):
        values, keys = damaged(known[place * len(FORMS) : (place + 1) * len(FORMS)], changes, is_partial)
        feed.users(*values, keys=keys)
    left = sorted(feed.shown_bets(range(len(known))))
    assert [([*DAMAGED, *KEYED][number % len(FORMS)], RESTRICTIONS[number // len(FORMS)]) for number in left] == []
