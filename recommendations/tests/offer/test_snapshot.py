"""The offer: a casino's events as columns in memory."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from recommendations.models import OfferVersion
from recommendations.offer import ATTRIBUTES, MemoKey, load_offer
from recommendations.offer.arrays import Floats
from recommendations.tests.factories import OPEN, EventFactory, league, offer_of, open_rows, rows_of, team
from tenants.routing.context import use_casino


def test_columns_have_the_events_in_their_order():
    offer = offer_of(
        {"sport": "FOOTBALL", "league": "A", "odd": Decimal("1.5")},
        {"sport": "HANDBALL", "league": "B", "odd": Decimal("2.75")},
        {"sport": "FOOTBALL", "league": "B", "odd": Decimal("900.125")},
    )
    assert len(offer) == 3
    assert list(offer.ids) == [1, 2, 3]
    assert list(offer.odds) == [1.5, 2.75, 900.125]
    assert list(offer.begins) == [OPEN.timestamp()] * 3
    assert list(offer.ends) == [OPEN.timestamp() + 7200] * 3
    assert [offer.sport[place] for place in range(3)] == ["FOOTBALL", "HANDBALL", "FOOTBALL"]
    assert [offer.league[place] for place in range(3)] == [league("A"), league("B", sport="HANDBALL"), league("B")]
    assert [offer.home_team[place] for place in range(3)] == [team("H1"), team("H2", sport="HANDBALL"), team("H3")]
    assert offer.names(1) == {
        "sport": "HANDBALL",
        "league": "B",
        "country": "ENGLAND",
        "home_team": "H2",
        "away_team": "A2",
    }


def test_an_empty_offer_has_empty_columns():
    offer = offer_of()
    assert (len(offer), sorted(offer.league.present()), offer.place_of(1)) == (0, [], None)
    assert offer.sport.equals("FOOTBALL").shape == (0,)
    numbers = (offer.ids, offer.begins, offer.ends, offer.odds)
    assert [str(column.dtype) for column in numbers] == ["int64", "float64", "float64", "float64"]
    assert {str(getattr(offer, attribute).codes.dtype) for attribute in ATTRIBUTES} == {"int32"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(league("B"), [False, True, True]), ("NONE SUCH", [False] * 3), (None, [False] * 3), ("", [False] * 3)],
)
def test_equals_is_the_mask_of_events_with_a_value(value, expected):
    assert list(offer_of({"league": "A"}, {"league": "B"}, {"league": "B"}).league.equals(value)) == expected


def test_keep_returns_these_events_with_all_columns():
    rng = random.Random(1)
    events = [{attribute: f"{attribute} {rng.randrange(5)}" for attribute in ATTRIBUTES} for _ in range(30)]
    offer = offer_of(*events)
    mask = np.array([rng.random() < 0.5 for _ in events])
    kept = offer.keep(mask)
    places = [place for place, keep in enumerate(mask) if keep]
    assert list(kept.ids) == [place + 1 for place in places]
    assert kept.version == offer.version
    for attribute in ATTRIBUTES:
        own, expected = getattr(kept, attribute), [getattr(offer, attribute)[place] for place in places]
        assert [own[n] for n in range(len(kept))] == expected
        assert [own.name(n) for n in range(len(kept))] == [events[place][attribute] for place in places]
        assert list(own.equals(expected[0])) == [value == expected[0] for value in expected]
    assert len(offer) == 30


def test_leagues_are_distinguished_by_sport_and_country_and_teams_by_category_too():
    cup = {"league": "CUP", "home_team": "H", "away_team": "A"}
    others = [{}, {}, {"sport": "HANDBALL"}, {"country": "WALES"}, {"category": "WOMEN"}]
    offer = offer_of(*[cup | other for other in others])
    assert list(offer.league.codes) == [0, 0, 1, 2, 0]
    assert list(offer.home_team.codes) == list(offer.away_team.codes) == [0, 0, 1, 2, 3]
    assert {offer.league.name(place) for place in range(5)} == {"CUP"}
    assert [offer.category(place) for place in range(5)] == ["", "", "", "", "WOMEN"]


def test_leagues_of_a_filtered_offer_omit_the_others():
    offer = offer_of({"league": "A"}, {"league": "B"})
    assert sorted(offer.keep(np.array([False, True])).league.present()) == [league("B")]


def test_an_event_is_found_by_its_id():
    offer = offer_of({}, {}, {}).keep(np.array([True, False, True]))
    assert [offer.place_of(event_id) for event_id in (0, 1, 2, 3, 4)] == [None, 0, None, 1, None]


def test_a_memo_belongs_to_one_snapshot():
    offer, margin = offer_of({}, {}), MemoKey[Floats]("margin")
    kept = offer.memo.keep(margin, 1 / offer.odds)
    assert offer.memo.get(margin) is kept
    assert offer.keep(np.array([True, False])).memo.get(margin) is None
    assert offer.patched(2, offer_of()).memo.get(margin) is None
    assert offer.keep(np.array([True, True])) is offer


def test_its_bytes_are_those_of_columns_texts_and_memo():
    offer = offer_of(*[{"league": "A"}] * 1000)
    longer = offer_of(*[{"league": "A" * 501}] * 1000)
    assert offer.nbytes > 1000 * (4 * 8 + 6 * 4)
    assert longer.nbytes == offer.nbytes + 500
    offer.memo.keep(MemoKey[Floats]("margin"), 1 / offer.odds)
    offer.memo.keep(MemoKey[str]("note"), "no array")
    assert offer.nbytes == longer.nbytes - 500 + 8000


def test_loading_reads_the_open_events_that_are_not_over_sorted_by_id(casino_a, casino_b):
    now = datetime.now(UTC)
    with use_casino(casino_b.current):
        EventFactory.create(id=4)
    with use_casino(casino_a.current):
        for event_id, minutes in ((9, 5), (2, 5), (5, 0), (6, -5), (3, -120), (1, -121), (7, 50_000)):
            EventFactory.create(id=event_id, begin_timestamp=now + timedelta(minutes=minutes))
        EventFactory.create(id=8, status="SUSPENDED")
        offer = load_offer(now)
        assert list(offer.ids) == [2, 5, 6, 7, 9]
        assert offer.version == OfferVersion.objects.get().version
        assert rows_of(offer) == open_rows(now)


def test_without_a_version_the_offers_version_is_none(casino_a):
    with use_casino(casino_a.current):
        OfferVersion.objects.all().delete()
        assert load_offer(datetime.now(UTC)).version is None
