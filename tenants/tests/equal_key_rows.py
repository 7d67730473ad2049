"""Rows of two casinos with equal keys: code that confuses the casinos finds the wrong row."""

from dataclasses import dataclass
from typing import Any

from tenants.current_casino import CurrentCasino
from tenants.models import Casino
from tenants.routing.context import use_casino

from .casino_rows import NOON, Coupon, Team, make_coupon, make_event, make_user

KEY = 1_000_007  # no sequence gives it: earlier tests have advanced the sequences


@dataclass
class Rows:
    """One casino's user, its coupon, and an event with its team; all have the key `KEY`."""

    user: Any
    coupon: Any
    event: Any
    team: Any


def make_rows(casino: Casino, name: str) -> Rows:
    """The four rows as loaded from the casino's database; its user has this name."""
    with use_casino(casino.current, switch=True):
        user, event = make_user(name, id=KEY), make_event(id=KEY)
        coupon = make_coupon(user, id=KEY)
        team = Team.objects.create(id=KEY, name=f"TEAM OF {name}", sport="FOOTBALL")
        event.teams.add(team)
        return Rows(*(type(row).objects.get(pk=KEY) for row in (user, coupon, event, team)))


def new_coupon_of(user: Any) -> Any:
    """An unsaved coupon of a saved user."""
    with use_casino(casino_of(user), switch=True):
        return Coupon(user=user, stake=1, timestamp=NOON, recommended_events=[])


def casino_of(row: Any) -> CurrentCasino:
    return Casino.objects.get(pk=int(row._state.db.removeprefix("casino_"))).current
