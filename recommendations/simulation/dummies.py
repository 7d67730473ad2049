"""Creates random dummy users, events and coupons, for demos and tests."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET

from recommendations.errors import NoOpenEvents
from recommendations.models import Event, EventStatus, User
from recommendations.validation.rows import CouponRow, EventRow, Selection, UserRow

SELECTIONS = 3
REFUSES_ONE_IN = 50  # one of 50 dummy users refuses personalisation

# sport -> (country, league, its teams' cities)
DUMMY_LEAGUES: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {
    "FOOTBALL": [
        ("ENGLAND", "DUMMY PREMIER LEAGUE", ("LEEDS", "DERBY", "HULL", "EXETER", "BRISTOL", "STOKE", "OXFORD", "YORK")),
        ("SPAIN", "DUMMY LIGA", ("CADIZ", "GIJON", "MURCIA", "HUELVA", "BURGOS", "LUGO", "JAEN", "SORIA")),
        ("BRAZIL", "DUMMY SERIE A", ("SANTOS", "RECIFE", "NATAL", "BELEM", "MANAUS", "CUIABA", "MACEIO", "GOIANIA")),
    ],
    "BASKETBALL": [
        ("GREECE", "DUMMY BASKET LEAGUE", ("PATRAS", "LARISSA", "VOLOS", "CHANIA", "KAVALA", "RHODES")),
        ("LITHUANIA", "DUMMY LYGA", ("VILNIUS", "KAUNAS", "ALYTUS", "UTENA", "JONAVA", "PRIENAI")),
    ],
    "HANDBALL": [
        ("DENMARK", "DUMMY HANDBOLDLIGAEN", ("AALBORG", "ODENSE", "KOLDING", "RIBE", "SKJERN", "MORS")),
        ("GERMANY", "DUMMY HANDBALL LIGA", ("KIEL", "LEMGO", "GUMMERSBACH", "EISENACH", "ERLANGEN", "MINDEN")),
    ],
}
_NAMES = ("ADA", "ALAN", "GRACE", "EDSGER", "BARBARA", "DONALD", "RADIA", "DENNIS", "FRANCES", "KEN")
_SURNAMES = ("FISHER", "NOVAK", "SILVA", "JENSEN", "ROSSI", "DUBOIS", "GARCIA", "MULLER", "KOWALSKI", "SMITH")


def dummy_user(rng: random.Random, *, now: datetime) -> UserRow:
    """A user without an id of the casino."""
    sport = rng.choice(sorted(DUMMY_LEAGUES))
    country, league, _ = rng.choice(DUMMY_LEAGUES[sport])
    name, surname, number = rng.choice(_NAMES), rng.choice(_SURNAMES), rng.randrange(1_000_000)
    return UserRow(
        name=name,
        surname=f"{surname} {number}",
        birth_year=rng.randint(1950, 2004),
        currency=rng.choice(("EUR", "USD", "GBP")),
        country=country,
        gender=rng.choice(("MALE", "FEMALE", "OTHER")),
        timestamp=now,
        favorite_sport=sport,
        favorite_league=league,
        personalisation=UNSET if number % REFUSES_ONE_IN else False,
    )


def dummy_event(rng: random.Random, *, now: datetime) -> EventRow:
    """An event of the next two weeks, without an id of the casino."""
    sport = rng.choice(sorted(DUMMY_LEAGUES))
    country, league, cities = rng.choice(DUMMY_LEAGUES[sport])
    home, away = rng.sample(cities, 2)
    begin = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=rng.randint(2, 14 * 24))
    return EventRow(
        begin_timestamp=begin,
        end_timestamp=begin + timedelta(hours=2),
        country=country,
        league=league,
        home_team=home,
        away_team=away,
        sport=sport,
        odd=Decimal(rng.randint(110, 900)) / 100,
    )


def dummy_coupon(rng: random.Random, *, now: datetime, user_id: int | None = None) -> CouponRow:
    """A coupon on up to three random open events of the current casino, for this user or a random one.

    Raises NoOpenEvents if the casino has no open events or no users.
    """
    user_id = user_id or User.objects.order_by("?").values_list("pk", flat=True).first()
    is_open = {"begin_timestamp__gt": now, "status": EventStatus.OPEN, "is_withheld": False}
    events = Event.objects.filter(**is_open).order_by("?")[:SELECTIONS]
    selections = tuple(Selection.of(event) for event in events)
    if not user_id or not selections:
        raise NoOpenEvents("A dummy coupon needs an open event and a user; the casino has none. Store some first")
    return CouponRow(
        user_id=user_id,
        stake=Decimal(rng.randint(100, 10_000)) / 100,
        timestamp=now,
        recommended_events=selections,
        source=f"dummy/{UUID(int=rng.getrandbits(128))}",
    )
