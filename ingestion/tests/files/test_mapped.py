"""`manage.py import --mapping`: a feed's document, each item once."""

import gzip
import io
import json
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command

from ingestion.files.left_out_columns import LeftOutColumns
from ingestion.files.mapped import read_mapped
from ingestion.mappings.shipped import shipped_mapping
from ingestion.tests.mappings.mapping_of import mapping_of, problems_of
from ingestion.tests.storing.test_mapped_messages import MAPPING, match
from recommendations.models import Event, User
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]

ANSWERS = Path(__file__).parents[1] / "provider_answers"


@pytest.fixture
def folder(tmp_path, monkeypatch, casino_a, casino_b, settings):
    settings.EVENT_HORIZON_DAYS = 36_500
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_bytes(msgspec.json.encode(MAPPING))
    return tmp_path


def imported(topic: str, file: Path, mapping: object, *options: str) -> str:
    out = io.StringIO()
    call_command("import", topic, str(file), "--casino", "1", "--mapping", str(mapping), *options, stdout=out)
    return out.getvalue()


def stored(casino, model=Event):
    with use_casino(casino.current):
        return set(model.objects.values_list("id", flat=True))


def test_the_items_of_a_document_are_stored_once(folder, casino_a, casino_b):
    file = folder / "answer.json.gz"
    file.write_bytes(gzip.compress(msgspec.json.encode({"matches": [match(1), match(2, home={}), 5, match(4)]})))
    assert imported("events", file, "mine.yaml") == (
        "4 messages: 2 stored, 1 malformed, 1 unmapped. The rejected ones are in answer.json.gz.rejected.ndjson.\n"
        "Events withheld, and not recommended until a later message about them can be read: 1\n"
        "  1 by home_team: unmapped; message 2 (home_team: the value is an object)\n"
    )
    assert (stored(casino_a), stored(casino_b)) == ({1, 4}, set())
    rejected = [json.loads(line) for line in (folder / "answer.json.gz.rejected.ndjson").read_text().splitlines()]
    assert {each["message"]: each["detail"] for each in rejected} == {
        2: "home_team: the value is an object",
        3: "an item of the document is a number, not an object",
    }
    assert imported("events", file, "mine.yaml").startswith("The file has no new messages.")


def test_another_mapping_reads_the_file_again(folder):
    file = folder / "answer.json"
    file.write_bytes(msgspec.json.encode({"matches": [match(1)]}))
    assert imported("events", file, "mine.yaml").startswith("1 message: 1 stored.")
    (folder / "mine.yaml").write_bytes(msgspec.json.encode(MAPPING | {"about": "corrected"}))
    assert imported("events", file, "mine.yaml").startswith("1 message: 1 ")


def test_csv_is_read_row_by_row_with_its_lines(folder, casino_a):
    found = imported("events", ANSWERS / "football_data_co_uk.csv", "football-data-co-uk")
    assert found.startswith("6 messages: 4 stored, 2 unmapped.")
    rejected = (folder / "football_data_co_uk.csv.rejected.ndjson").read_text().splitlines()
    assert [json.loads(line)["line"] for line in rejected] == [5, 6]


def test_xml_and_lines_are_read(folder, casino_a):
    assert imported("events", ANSWERS / "sportradar_uof_schedule.xml", "sportradar-uof-fixture").startswith(
        "3 messages"
    )
    assert imported("users", ANSWERS / "debezium_users.ndjson", "debezium-users").startswith(
        "3 messages: 2 stored, 1 rem"
    )
    assert stored(casino_a, User) == {5001}


def test_a_line_that_is_no_document_is_rejected_and_the_others_are_stored(folder, casino_a):
    file = folder / "answers.ndjson"
    lines = [
        msgspec.json.encode({"matches": [match(1), match(2)]}),
        b"",
        b"{",
        b"{}",
        msgspec.json.encode({"matches": [match(3)]}),
    ]
    file.write_bytes(b"\n".join(lines))
    assert imported("events", file, "mine.yaml").startswith("5 messages: 3 stored, 2 malformed.")
    assert stored(casino_a) == {1, 2, 3}


def test_a_dry_run_stores_nothing(folder, casino_a):
    file = folder / "answer.json"
    file.write_bytes(msgspec.json.encode({"matches": [match(1), match(2, home={})]}))
    assert imported("events", file, "mine.yaml", "--dry-run").startswith("2 messages: 1 valid, 1 unmapped.")
    assert stored(casino_a) == set()


@pytest.mark.parametrize(
    ("mapping", "content", "problem"),
    [
        ("debezium-users", b"{}", "makes messages of users, not of events"),
        ("api-footbal", b"{}", "this release has no 'api-footbal'; did you mean api-football?"),
        ("mine.yaml", b"{", "the document is no valid JSON"),
        ("mine.yaml", b"{}", "the document has no item at the paths of each: matches"),
        ("sportradar-uof-fixture", b"<a>", "the document is no valid XML"),
        ("football-data-co-uk", b'a\n"b', "the file is no CSV in windows-1252: line 2: "),
    ],
)
def test_a_file_that_can_not_be_read_is_reported(folder, mapping, content, problem):
    file = folder / "answer.json"
    file.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        imported("events", file, mapping)
    assert problem in str(caught.value)


def test_csv_takes_no_more_memory_for_more_rows():
    class Rows(io.RawIOBase):
        """Rows without an end; reading them all would never return."""

        def __init__(self) -> None:
            self.row, self.rest = 0, b"Div,Date,Time,HomeTeam,AwayTeam\n"

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.rest = b"Div,Date,Time,HomeTeam,AwayTeam\n"
            return 0

        def readinto(self, buffer: object) -> int:
            view = memoryview(buffer)  # type: ignore[arg-type]
            if not self.rest:
                self.row += 1
                self.rest = b"E0,01/06/2030,20:00,A%d,B\n" % self.row
            part, self.rest = self.rest[: len(view)], self.rest[len(view) :]
            view[: len(part)] = part
            return len(part)

    mapping = shipped_mapping("football-data-co-uk")
    messages = read_mapped(io.BufferedReader(Rows()), mapping, is_by_line=False, left_out=LeftOutColumns())
    numbers = [next(messages).number for _ in range(5_000)]
    assert numbers == list(range(2, 5_002))


def test_a_mapping_of_rows_has_neither_items_nor_a_document():
    rows = "messages: events\nsource: csv\n"
    assert problems_of(rows + "each: x\nfields: {id: id}") == ["m.yaml:3:7: csv has no each: each row is an item"]
    [problem] = problems_of(rows + "fields: {id: {document: id}}")
    assert problem.endswith("id: csv has no document beside its rows: use from")
    assert mapping_of(rows + "fields: {id: id}").source.kind == "csv"
