"""`manage.py import --mapping`: a file of a feed's documents, of which a mapping makes messages."""

import gzip
import json
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from ingestion.tests.manage_processes import IN_PROCESSES
from recommendations.models import Market, MarketLine, PurchasedCoupon, User
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

from .test_import import import_file, rejections

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]

MAPPING = """
messages: users
each: $.customers[*]
fields:
  id: ref
  name: first
  surname: last
  birth_year: year
  currency: {value: EUR}
  country: {value: GERMANY}
  gender: {value: OTHER}
  timestamp: {value: "2026-01-01"}
  favorite_sport: {value: FOOTBALL}
"""
PLAIN = MAPPING.replace("each: $.customers[*]\n", "")
CSV = PLAIN.replace("birth_year: year", "birth_year: {from: year, then: whole_number}").replace(
    "messages: users\n", "messages: users\nsource: {csv: {encoding: windows-1252, delimiter: ';'}}\n"
)
ADA, BEA = (
    {"ref": f"c-{number}", "first": name, "last": "X", "year": 1985} for number, name in ((1, "Ada"), (2, "Bea"))
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def import_mapped(name, content, mapping, *options, topic="users"):
    Path("own.yaml").write_text(mapping)
    return import_file(topic, name, content, "--mapping", "own.yaml", *options)


def names(casino):
    with use_casino(casino.current):
        return set(User.objects.values_list("name", flat=True))


def test_a_document_makes_several_messages(casino_a, casino_b):
    content = json.dumps({"customers": [ADA, BEA | {"year": "?"}, BEA]})
    assert import_mapped("feed.json", content, MAPPING).startswith("3 messages: 2 stored, 1 wrong_type.")
    assert rejections("feed.json") == [(2, "wrong_type", "birth_year")]
    assert (names(casino_a), names(casino_b)) == ({"Ada", "Bea"}, set())


def test_each_line_is_a_document_and_a_broken_one_is_rejected_alone(casino_a):
    content = f"{json.dumps(ADA)}\n{{\n{json.dumps(BEA)}\n"
    assert import_mapped("feed.ndjson", content, PLAIN).startswith("3 messages: 2 stored, 1 malformed.")
    assert import_mapped("feed.ndjson", content, PLAIN) == "The file has no new messages.\n"
    assert names(casino_a) == {"Ada", "Bea"}


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-8-sig"])
def test_each_row_is_a_document_and_a_broken_one_is_rejected_alone(casino_a, encoding):
    rows = "ref;first;last;year\nc-1;Zoë;X;1985\nc-2;Bea;X;1985;what\nc-3;Eva;X;1985\n"
    assert import_mapped("feed.csv", rows.encode(encoding), CSV).startswith("3 messages: 2 stored, 1 malformed.")
    assert names(casino_a) == {"Zoë", "Eva"}


def test_a_shipped_mapping_is_named(casino_a):
    rows = "Div,Date,Time,HomeTeam,AwayTeam,B365H\nE0,20/12/2027,15:00,Arsenal,Everton,1.85\n"
    assert import_file("events", "E0.csv", rows, "--mapping", "football-data-co-uk").startswith("1 message: ")


def test_the_casinos_own_mapping_is_used(casino_a):
    with pytest.raises(CommandError, match=r"no mapping\.events"):
        import_file("events", "E0.csv", "", "--mapping", "own")
    casino_a.options = {"mapping": {"events": "football-data-co-uk"}}
    casino_a.save()
    rows = "Div,Date,Time,HomeTeam,AwayTeam,B365H\nE0,20/12/2027,15:00,Arsenal,Everton,1.85\n"
    assert import_file("events", "E0.csv", rows, "--mapping", "own").startswith("1 message: ")


def test_a_file_mapped_in_another_way_is_another_one(casino_a):
    content = json.dumps(ADA)
    for mapping, expected in ((PLAIN, "1 message: 1 stored"), (PLAIN.replace("EUR", "GBP"), "1 message: 1 updated")):
        assert import_mapped("feed.ndjson", content, mapping).startswith(expected)


COUPONS_CSV = """
messages: coupons
source: csv
fields:
  user_id: player
  stake: stake
  timestamp: {value: "2026-01-01"}
  recommended_events: {each: legs, fields: {event_id: id, sport: {value: FOOTBALL}, home_team: h, away_team: a}}
"""
COUPONS_JSON = COUPONS_CSV.replace("source: csv", "each: bets")
LEG = {"id": 1, "h": "A", "a": "B"}
BETS = [{"player": 7, "stake": number, "legs": [LEG]} for number in (1, 2)]


@pytest.fixture
def user_7(casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)


def coupons(casino):
    with use_casino(casino.current):
        return PurchasedCoupon.objects.count()


def import_bets(*arguments):
    return import_mapped(*arguments, topic="coupons")


def test_coupons_without_ids_count_once_though_the_mapping_has_changed(casino_a, user_7):
    cells = json.dumps([LEG]).replace('"', '""')
    rows = "player;stake;legs\n" + "".join(f'7;{stake};"{cells}"\n' for stake in (1, 2))
    mapping = COUPONS_CSV.replace("source: csv", "source: {csv: {delimiter: ';'}}")
    assert import_bets("bets.csv", rows, mapping).startswith("2 messages: 2 stored.")
    changed = mapping.replace("stake: stake", "stake: {from: stake, then: {divide: 100}}")
    for text, options in ((changed, ()), (changed, ("--again",)), (mapping, ())):
        assert import_bets("bets.csv", rows, text, *options).startswith("2 messages: 2 duplicate.")
    assert coupons(casino_a) == 2


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_coupons_without_ids_are_refused_where_another_mapping_numbers_them_otherwise(casino_a, user_7, options):
    content = json.dumps({"bets": BETS, "live": BETS[:1]})
    assert import_bets("bets.json", content, COUPONS_JSON).startswith("2 messages: 2 stored.")
    live = COUPONS_JSON.replace("each: bets", "each: live")
    for _ in range(2):
        if import_bets("bets.json", content, live, *options).startswith("No messages"):
            break
        assert rejections("bets.json") == [(1, "missing", "id")]
        assert "by another `each`" in Path("bets.json.rejected.ndjson").read_text()
    with_ids = live.replace("fields:\n", "fields:\n  id: {value: live-1}\n", 1)
    assert import_bets("bets.json", content, with_ids).startswith("1 message: 1 stored.")
    assert import_bets("bets.json", content, COUPONS_JSON).startswith("2 messages: 2 duplicate.")
    assert coupons(casino_a) == 3


def test_a_time_in_another_format_is_reported_with_its_value(casino_a):
    rows = "Div,Date,Time,HomeTeam,AwayTeam,B365H,AvgH,Referee\nE0,12/20/2027,15:00,Arsenal,Everton,1.85,1.9,R\n"
    out = import_file("events", "E0.csv", rows, "--mapping", "football-data-co-uk", "--dry-run")
    assert "  1 by begin_timestamp: unmapped; line 2 has '12/20/2027' (begin_timestamp: the value is not in " in out
    assert "Columns left out: " in out
    assert "'Referee'" in out


def test_items_of_lines_are_reported_by_their_lines(casino_a):
    documents = json.dumps({"customers": [ADA, BEA | {"year": "?"}]}), "{", json.dumps({"customers": [5]})
    content = "\n" + "\n".join(documents) + "\n"
    with pytest.raises(CommandError, match="ended after"):
        import_mapped("feed.ndjson.gz", gzip.compress(content.encode())[:-4], MAPPING)
    report = [json.loads(line) for line in Path("feed.ndjson.gz.rejected.ndjson").read_text().splitlines()]
    assert [(each["line"], each.get("item")) for each in report] == [(2, 2), (3, None), (4, 1)]


@pytest.mark.parametrize(
    ("content", "mapping", "text"),
    [
        ('{"customers": [', MAPPING, "the document is no valid JSON"),
        ("{}", MAPPING, "no item at the paths of each"),
        ("{}", PLAIN.replace("users", "events"), "--mapping own.yaml"),
        ("{}", "fields", "--mapping own.yaml"),
    ],
)
def test_what_is_wrong_is_reported(casino_a, content, mapping, text):
    with pytest.raises(CommandError, match=text):
        import_mapped("feed.json", content, mapping)


def test_an_unknown_mapping_is_reported(casino_a):
    with pytest.raises(CommandError, match="--mapping nothing"):
        import_file("events", "feed.json", "{}", "--mapping", "nothing")


ODDS = """
messages: odds
fields:
  event_id: no
  producer: {value: OWN}
  markets:
    - fields:
        market: {value: 1X2}
        outcomes:
          - fields: {outcome: {value: HOME}, odd: home}
          - fields: {outcome: {value: AWAY}, odd: away}
    - fields:
        market: {value: TOTALS}
        line: line
        outcomes:
          - fields: {outcome: {value: OVER}, odd: over}
"""


def markets(casino):
    with use_casino(casino.current):
        lines = MarketLine.objects.in_bulk()
        rows = Market.objects.order_by("event_id", "line_id").values_list("event_id", "line_id", "status", "odds")
        return [(event, f"{lines[line].market} {lines[line].line}".strip(), *rest) for event, line, *rest in rows]


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("odds.ndjson", '{"no": 7, "home": 2.5, "away": 1.5, "line": 2.5, "over": 1.9}\n{"no": 8, "home": 3}\n', ""),
        ("odds.csv", "no,home,away,line,over\n7,2.5,1.5,2.50,1.9\n8,3,,,\n", "\nsource: csv"),
    ],
)
def test_prices_are_imported(casino_a, casino_b, name, content, source):
    mapping = ODDS.replace("messages: odds", f"messages: odds{source}")
    assert import_mapped(name, content, mapping, topic="odds").startswith("2 messages: 2 stored.")
    assert markets(casino_a) == [
        (7, "1X2", "open", [2_500, 1_500]), (7, "TOTALS 2.5", "open", [1_900]), (8, "1X2", "open", [3_000, 0]),
        (8, "TOTALS", "open", [0]),
    ]  # fmt: skip
    assert markets(casino_b) == []
