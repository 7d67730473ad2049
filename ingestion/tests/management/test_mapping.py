"""`manage.py mapping`: the messages of a sample, and their missing fields."""

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ingestion.mappings.shipped import shipped_names, shipped_text
from tenants.models import Casino

MAPPING = """\
messages: events
each: matches
key: id
fields:
  id: no
  sport: {value: FOOTBALL}
  league: league
  status: state
  begin_timestamp: {from: kickoff, then: {time: {zone: UTC}}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.yaml").write_text(MAPPING)
    return tmp_path


def mapping(*arguments: object) -> str:
    out = StringIO()
    call_command("mapping", *map(str, arguments), stdout=out)
    return out.getvalue()


def tried(folder: Path, sample: str, *arguments: object, name: str = "sample.json") -> tuple[str, str]:
    """The output of `try`, and its error."""
    (folder / name).write_text(sample)
    out = StringIO()
    try:
        call_command("mapping", "try", str(folder / "mine.yaml"), str(folder / name), *map(str, arguments), stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_the_shipped_mappings_are_listed_and_shown():
    listed = mapping("list")
    for name in shipped_names():
        assert name in listed
        assert mapping("show", name).strip() == shipped_text(name).strip()
    assert {each["name"] for each in json.loads(mapping("list", "--json"))} == set(shipped_names())
    with pytest.raises(CommandError, match="has no 'api-footbal'; did you mean api-football"):
        mapping("show", "api-footbal")


def test_a_message_is_shown_with_its_fields_what_is_missing_and_what_can_not_be_read(folder):
    sample = {"matches": [{"no": 7, "league": "Cup", "kickoff": "soon", "state": "FT"}]}
    printed, problem = tried(folder, json.dumps(sample))
    assert problem == "Rejected: 1 of 1 message."
    assert printed.startswith("message 1: unmapped: begin_timestamp: the value is no ISO 8601 time: give its format\n")
    for line in ("  id             7", "  league         Cup", "  stored anyway  status SETTLED, is_withheld True"):
        assert line in printed
    assert "  unreadable     begin_timestamp: the value is no ISO 8601 time" in printed
    assert printed.endswith("Total 1: 1 unmapped\n")


def test_messages_that_change_or_remove_rows_are_no_problem(folder):
    lines = '{"matches": [{"no": 7, "league": "Cup"}]}\n\n{"matches": []}\n'
    printed, problem = tried(folder, lines, "--key", '{"id": 8}', "--tombstone", name="sample.ndjson")
    assert problem == ""
    assert "line 1, item 1: partial: changes a stored row; a new one is rejected: " in printed
    assert "message 1: removes: removes the row 8" in printed
    assert "Total 2: 1 partial, 1 removes" in printed


def test_a_sample_may_be_compressed(folder):
    (folder / "sample.ndjson.gz").write_bytes(gzip.compress(b'{"matches": [{"no": 7}]}\n{"matches": [{"no": 8}]}\n'))
    printed = mapping("try", folder / "mine.yaml", folder / "sample.ndjson.gz")
    assert "Total 2: 2 partial" in printed


def test_messages_are_numbered_by_their_lines_as_an_import_does(folder):
    (folder / "mine.yaml").write_text(MAPPING.replace("each: matches\n", ""))
    printed, _ = tried(folder, '{"no": 7}\n\n{"no": 8}\n', name="sample.ndjson")
    assert [line.partition(": ")[0] for line in printed.splitlines() if "partial: " in line] == ["line 1", "line 3"]
    (folder / "mine.yaml").write_text(MAPPING.replace("each: matches\n", "source: csv\n"))
    printed, _ = tried(folder, 'no,state\n7,"a\nb"\n,\n8,FT\n', name="sample.csv")
    assert [line.partition(": ")[0] for line in printed.splitlines() if line.startswith("line")] == ["line 2", "line 5"]
    [first, _] = json.loads(tried(folder, "no,state\n7,FT\n8,FT\n", "--json", name="sample.csv")[0])
    assert first["place"] == {"line": 2}


def test_a_sample_that_is_not_there_is_reported(folder):
    with pytest.raises(CommandError, match=r"absent\.json can't be opened"):
        mapping("try", folder / "mine.yaml", folder / "absent.json")


def test_all_messages_are_one_json_document(folder):
    printed, _ = tried(folder, json.dumps({"matches": [{"no": number} for number in range(30)]}), "--json")
    messages = json.loads(printed)
    assert [message["fields"]["id"] for message in messages] == [*range(30)]
    printed, _ = tried(folder, json.dumps({"matches": [{"no": number} for number in range(30)]}))
    assert ".. and 10 more; --json shows all" in printed


@pytest.mark.django_db(databases="__all__")
def test_the_casinos_own_words_are_known(folder, casino_a):
    Casino.objects.filter(pk=1).update(options={"status_words": {"events": {"läuft": "OPEN"}}})
    sample = json.dumps({"matches": [{"no": 7, "state": "läuft"}]})
    assert "stored anyway  status SUSPENDED" in tried(folder, sample)[0]
    assert tried(folder, sample, "--casino", 1)[1] == ""


@pytest.mark.django_db(databases="__all__")
def test_odds_are_in_the_casinos_format(folder, casino_a):
    Casino.objects.filter(pk=1).update(options={"odd_format": "fractional"})
    (folder / "mine.yaml").write_text(f"{MAPPING}  odd: price\n")
    sample = json.dumps({"matches": [{"no": 7, "price": "5/2"}]})
    assert tried(folder, sample)[1] == "Rejected: 1 of 1 message."
    assert tried(folder, sample, "--casino", 1)[1] == ""


def test_mistakes_are_reported_in_one_line_each(folder):
    (folder / "mine.yaml").write_text("messages: events\nfields:\n  hom_team: x\n  id: a..b\n")
    _, problem = tried(folder, "{}")
    assert problem.splitlines()[0].startswith("mine.yaml:3:3: a message has no 'hom_team'; did you mean home_team?")
    assert problem.splitlines()[1] == "mine.yaml:4:7: '..' is not allowed: name the whole path"
    with pytest.raises(CommandError, match=r"min\.yaml is no file, and this release has no"):
        mapping("try", "min.yaml", folder / "sample.json")
    with pytest.raises(CommandError, match="No such file"):
        mapping("try", "openligadb", folder / "nothing.json")


def test_a_sample_that_is_no_document_is_rejected(folder):
    printed, problem = tried(folder, "<a/>")
    assert "message 1: malformed: the document is no valid JSON" in printed
    assert problem == "Rejected: 1 of 1 message."


def test_a_casino_uses_a_mapping_and_keeps_its_other_options(folder, casino_a, casino_b):
    Casino.objects.filter(pk=casino_a.pk).update(options={"event_limit": 5, "mapping": {"users": "debezium-users"}})
    assert "events of Alpha" in mapping("use", folder / "mine.yaml", "--casino", casino_a.pk)
    stored = Casino.objects.get(pk=casino_a.pk).options
    assert stored["event_limit"] == 5
    assert stored["mapping"]["users"] == "debezium-users"
    assert stored["mapping"]["events"]["fields"] == {
        "id": "no",
        "sport": {"value": "FOOTBALL"},
        "league": "league",
        "status": "state",
        "begin_timestamp": {"from": "kickoff", "then": {"time": {"zone": "UTC"}}},
    }
    mapping("use", "openligadb", "--casino", casino_a.pk)
    assert Casino.objects.get(pk=casino_a.pk).options["mapping"]["events"] == "openligadb"
    assert Casino.objects.get(pk=casino_b.pk).options is None


def test_a_mapping_that_can_not_be_used_changes_nothing(folder, casino_a):
    (folder / "mine.yaml").write_text(MAPPING.replace("league:", "leeg:"))
    with pytest.raises(CommandError, match=r"mine\.yaml:7:3: .* has no 'leeg'"):
        mapping("use", folder / "mine.yaml", "--casino", casino_a.pk)
    with pytest.raises(CommandError, match="No casino with a complete database has the id 99"):
        mapping("use", "openligadb", "--casino", 99)
    Casino.objects.filter(pk=casino_a.pk).update(options={"of a later release": 1})
    with pytest.raises(CommandError, match="of a later release"):
        mapping("use", "openligadb", "--casino", casino_a.pk)
    assert Casino.objects.get(pk=casino_a.pk).options == {"of a later release": 1}


ANSWERS = Path(__file__).parents[1] / "provider_answers"


def test_markets_are_shown_as_they_would_be_stored():
    printed = mapping("try", "sportradar-uof-markets", ANSWERS / "sportradar_uof" / "odds_change.xml")
    for line in (
        "market     1: 1 4.65, 2 3.3, 3 1.85", "market     18 2.5: 12 1.9, 13 closed",
        "market     18 3.5 suspended: 12 3.1, 13 1.33", "market     921|PLAYER=SR:PLAYER:7 20.5: 12 1.95, 13 1.75",
        "market     29: closed", "market     8|GOALNR=1: cancelled",
    ):  # fmt: skip
        assert f"\n  {line}\n" in printed
    assert printed.startswith("message 1: accepted\n")
    assert "Total 1: 1 accepted" in printed


def test_markets_that_can_not_be_read_are_a_problem(tmp_path):
    sample = (ANSWERS / "sportradar_uof" / "odds_change.xml").read_text()
    (tmp_path / "sample.xml").write_text(sample.replace('status="-3"', 'status="9"'))
    out = StringIO()
    with pytest.raises(CommandError, match=r"Rejected: 1 of 1 message\."):
        call_command("mapping", "try", "sportradar-uof-markets", str(tmp_path / "sample.xml"), stdout=out)
    assert "message 1: stored_in_part: markets[8].status: the value is none of the codes of codes\n" in out.getvalue()
    assert "\n  market      11: suspended\n" in out.getvalue()


def test_what_a_rejected_message_of_odds_closes_is_shown(tmp_path):
    (tmp_path / "sample.xml").write_text('<alive product="1" timestamp="1748779208000" subscribed="2"/>')
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("mapping", "try", "sportradar-uof-markets", str(tmp_path / "sample.xml"), stdout=out)
    assert "unmapped: heartbeat.complete: the value is none of the codes of codes" in out.getvalue()
    assert "all earlier prices of the feed: closed until they are sent again" in out.getvalue()
