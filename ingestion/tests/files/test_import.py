"""`manage.py import`: a file's messages in a casino's database, each once. Rows are really committed."""

import gzip
import io
import json
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from ingestion.errors import UploadChanged
from ingestion.files.importing import CHUNK, FileImport
from ingestion.files.reading import read_plain
from ingestion.files.rejections import RejectionReport
from ingestion.files.source import FileFormat, digest_of
from ingestion.maintenance.pruning import UploadPruning
from ingestion.models import MessageCount, Upload
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.manage_processes import IN_PROCESSES, database_environment, manage
from ingestion.tests.sample_messages import SELECTION, coupon, event, user, without
from ingestion.tests.storing.test_transaction import trigger
from ingestion.topics import EVENTS, USERS
from recommendations.models import Event, PurchasedCoupon, User, UserProfile
from recommendations.tests.factories import UserFactory
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from tenants.routing.context import use_casino
from tenants.tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]

USERS_CSV = """id,name,surname,birth_year,currency,country,gender,timestamp,favorite_sport
31,Ada,Lovelace,1985,GBP,England,FEMALE,2026-01-01,football
32,Alan,Turing,x,GBP,England,MALE,2026-01-01,football
33,Grace,Hopper,1980,USD,USA,FEMALE,2026-01-01,football
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def user_7(casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)


def run(*arguments):
    """The command's output."""
    out = io.StringIO()
    call_command("import", *arguments, stdout=out)
    return out.getvalue()


def import_file(topic, name, content=None, *options):
    if content is not None:
        with open(name, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
    return run(topic, name, "--casino", "1", *options)


def as_lines(messages):
    return b"".join(msgspec.json.encode(each) + b"\n" for each in messages)


def rejections(name):
    with open(f"{name}.rejected.ndjson", "rb") as file:
        return [(each.get("line") or each["message"], each["code"], each["field"]) for each in map(json.loads, file)]


def ids(casino, model=User):
    with use_casino(casino.current):
        return set(model.objects.values_list("id", flat=True))


def coupons(casino):
    with use_casino(casino.current):
        assert_counts_equal_a_recount()
        assert UserProfile.objects.get(user_id=7).coupon_count == PurchasedCoupon.objects.count()
        return PurchasedCoupon.objects.count()


def test_rows_of_a_csv_file_are_stored_and_rejected_ones_reported(casino_a, casino_b):
    out = import_file("users", "users.csv", USERS_CSV)
    assert out == (
        "3 messages: 2 stored, 1 wrong_type. The rejected ones are in users.csv.rejected.ndjson.\n"
        "Users restricted until a later message about them can be read: 1\n"
        "  1 by birth_year: wrong_type; line 3\n"
    )
    assert (ids(casino_a), ids(casino_b)) == ({31, 33}, set())
    assert rejections("users.csv") == [(3, "wrong_type", "birth_year")]
    with use_casino(casino_a.current):
        assert {each.outcome: each.count for each in MessageCount.objects.all()} == {"stored": 2, "wrong_type": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events.json", json.dumps([event(id=1), event(id="sr:2", home_team="HULL")])),
        ("events.ndjson", as_lines([event(id=1), event(id="sr:2", home_team="HULL")])),
        ("events.jsonl.gz", gzip.compress(as_lines([event(id=1), event(id="sr:2", home_team="HULL")]))),
    ],
)
def test_json_lines_and_compressed_files_are_stored(casino_a, name, content):
    assert import_file("events", name, content) == "2 messages: 2 stored.\n"
    assert len(ids(casino_a, Event)) == 2


def test_coupons_of_a_csv_file_are_counted(casino_a, user_7):
    columns = [f"recommended_events.0.{name}" for name in SELECTION]
    head = ",".join(["id", "user_id", "stake", "timestamp", *columns])
    row = ",".join(["1", "7", "2.50", "2025-06-01T11:28:20", *map(str, SELECTION.values())])
    assert import_file("coupons", "coupons.csv", f"{head}\n{row}\n") == "1 message: 1 stored.\n"
    assert coupons(casino_a) == 1


def test_a_second_import_of_a_file_stores_nothing(casino_a, user_7):
    content = as_lines([coupon(), coupon(), without(coupon(), "stake")])
    import_file("coupons", "a.ndjson", content)
    for name in ("a.ndjson", "b.ndjson"):
        assert import_file("coupons", name, content) == "The file has no new messages.\n"
    assert len(rejections("a.ndjson")) == 1
    assert import_file("coupons", "b.ndjson", content, "--again").startswith("3 messages: 2 duplicate, 1 missing.")
    assert coupons(casino_a) == 2


OLD_EVENT = event(id=1)
CSV_EVENT = f"{','.join(OLD_EVENT)},status\n{','.join(map(str, OLD_EVENT.values()))},open\n"


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_an_old_file_imported_again_opens_nothing_that_was_closed_since(casino_a, is_forgotten, settings):
    import_file("events", "old.csv", CSV_EVENT)
    import_file("events", "new.ndjson", as_lines([{"id": 1, "status": "cancelled"}]))
    if is_forgotten:
        settings.IDEMPOTENCY_KEY_DAYS = 0
        UploadPruning(CasinoStore(EVENTS, lambda _: None)).step(timezone.now())
    import_file("events", "old.csv", CSV_EVENT, "--again")
    fields = "".join(f"  {name}: {name}\n" for name in [*OLD_EVENT, "status"])
    Path("own.yaml").write_text(f"messages: events\nsource: csv\nfields:\n{fields}")
    assert import_file("events", "old.csv", CSV_EVENT, "--mapping", "own.yaml").startswith("1 message: 1 ")
    with use_casino(casino_a.current):
        assert Event.objects.get().status == "CANCELLED"


def test_two_ways_of_reading_a_file_at_once_are_reported(casino_a):
    content = as_lines([user(id=number, name=f"A{number}") for number in range(1, 4)])
    import_file("users", "users.ndjson", content)
    with use_casino(casino_a.current):
        Upload.objects.update(next_offset=0)
    topic, place = USERS, "users.ndjson"
    with open(place, "rb") as source:
        reading = read_plain(source, FileFormat.NDJSON, topic, ",")
        run_ = FileImport(casino_a, topic, digest_of(source), reading)
        with use_casino(casino_a.current):
            Upload.objects.update(digest="f" * 64)
        with RejectionReport(Path("r"), is_continued=False) as report, pytest.raises(UploadChanged):
            list(run_.store(report))


def test_withheld_events_are_counted_with_the_reason_and_an_example(casino_a):
    import_file("events", "a.ndjson", as_lines([event(id=number) for number in (1, 2, 3)]))
    rows = "id,begin_timestamp,odd,Odds,Referee\n1,20.12.2026,2,2,X\n2,21.12.2026,2,2,X\n3,,null,2,X\n4,,2.5,2,X\n"
    expected = (
        "Events withheld, and not recommended until a later message about them can be read: 3\n"
        "  2 by begin_timestamp: wrong_type; line 2 has '20.12.2026' (begin_timestamp "
    )
    for options in (("--dry-run",), ()):
        out = import_file("events", "b.csv", rows, *options)
        assert expected in out
        assert "  1 by odd: no usable price; line 4\n" in out
        assert out.endswith("Columns left out: 'Odds', 'Referee'.\n")
    with use_casino(casino_a.current):
        assert set(Event.objects.filter(is_withheld=True).values_list("id", flat=True)) == {1, 2, 3}


def test_what_is_withheld_is_reported_also_of_an_import_that_ends_early(casino_a):
    Path("a.csv").write_text('id,begin_timestamp\n1,20.12.2026\n2,"x\n')
    out = io.StringIO()
    with pytest.raises(CommandError, match="ended after line 2"):
        call_command("import", "events", "a.csv", "--casino", "1", stdout=out)
    assert "1 by begin_timestamp: wrong_type; line 2 has '20.12.2026'" in out.getvalue()


def test_columns_that_nothing_reads_are_reported_with_the_name_that_they_may_mean(casino_a):
    rows = "id,name,birthyear,stat us,recommended\n1,Ada,1985,x,\n"
    out = import_file("users", "users.csv", rows, "--dry-run")
    assert "Columns left out: 'birthyear' (did you mean birth_year?), 'recommended'.\n" in out.replace(
        "'stat us' (did you mean status?), ", ""
    )
    head = "id,user_id,recommended_events.0.event_id,recommended_events.0.odds"
    out = import_file("coupons", "coupons.csv", f"{head}\n1,7,1,2\n", "--dry-run")
    assert out.endswith("Columns left out: 'recommended_events.0.odds' (did you mean recommended_events.0.odd?).\n")


def test_a_file_read_in_another_way_is_another_one(casino_a):
    content = USERS_CSV.replace(",", ";")
    problem = "^No message was imported: .* but 'id;name;.*--mapping, .*--delimiter"
    with pytest.raises(CommandError, match=problem):
        import_file("users", "users.csv", content)
    assert import_file("users", "users.csv", content, "--delimiter", ";").startswith("3 messages: 2 stored")


def test_an_import_that_failed_half_way_is_continued(casino_a, user_7):
    content = as_lines([coupon(stake=1)] * CHUNK + [without(coupon(), "stake")] + [coupon(stake=1)] * 10)
    body = f"IF NEW.stake_total > {CHUNK} THEN RAISE SQLSTATE '53100'; END IF;"
    with (
        trigger(body, table="users_profile", when="BEFORE UPDATE"),
        pytest.raises(CommandError, match=f"ended after line {CHUNK}:.*Run it again"),
    ):
        import_file("coupons", "a.ndjson", content)
    assert coupons(casino_a) == CHUNK
    assert import_file("coupons", "a.ndjson").startswith("11 messages: 10 stored, 1 missing.")
    assert coupons(casino_a) == CHUNK + 10
    assert rejections("a.ndjson")[-1] == (CHUNK + 1, "missing", "stake")


@pytest.mark.exhaustive
@pytest.mark.slow
def test_an_import_that_is_killed_half_way_is_continued(casino_a, user_7, tmp_path):
    count = 10 * CHUNK
    content = as_lines([coupon(stake=1 + number % 7) for number in range(count)])
    path = tmp_path / "coupons.ndjson"
    path.write_bytes(content)

    def stored():
        with use_casino(casino_a.current):
            return Upload.objects.exists()

    with manage("import", "coupons", str(path), "--casino", "1", env=database_environment()) as process:
        wait_until(stored)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with use_casino(casino_a.current):
        [begun] = Upload.objects.all()
        assert CHUNK < begun.next_offset < count
    assert import_file("coupons", str(path)) == f"{count + 1 - begun.next_offset:,} messages: " + (
        f"{count + 1 - begun.next_offset:,} stored.\n"
    )
    assert coupons(casino_a) == count


def test_a_dry_run_stores_nothing_and_reports_what_would_be_rejected(casino_a):
    out = import_file("users", "users.csv", USERS_CSV + "31,,,,,,,,\n", "--dry-run")
    assert out.startswith("4 messages: 2 valid, 1 wrong_type, 1 valid change.")
    assert rejections("users.csv") == [(3, "wrong_type", "birth_year")]
    with use_casino(casino_a.current):
        assert (User.objects.count(), Upload.objects.count(), MessageCount.objects.count()) == (0, 0, 0)
    assert import_file("users", "users.csv").startswith("4 messages")


def test_standard_input_needs_a_format(casino_a, monkeypatch):
    for options, expected in (((), None), (("--format", "csv"), "3 messages")):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(USERS_CSV.encode())))
        if expected is None:
            with pytest.raises(CommandError, match="--format"):
                import_file("users", "-", None, *options)
        else:
            assert import_file("users", "-", None, *options).startswith(expected)
    assert ids(casino_a) == {31, 33}


def test_messages_before_damage_are_stored(casino_a):
    content = json.dumps([user(id=1), user(id=2, name="Bea")]).removesuffix("]") + ", {]"
    with pytest.raises(CommandError, match=r"ended after message 2: the file is no JSON after message 2"):
        import_file("users", "users.json", content)
    assert ids(casino_a) == {1, 2}


def test_the_report_may_be_elsewhere(casino_a, tmp_path):
    path = tmp_path / "report.ndjson"
    import_file("users", "users.csv", USERS_CSV, "--rejections", str(path))
    assert path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("users", "missing.csv", "--casino", "1"), "can't be opened"),
        (("users", "users.csv", "--casino", "77"), "No casino"),
        (("users", "users.csv", "--casino", "1", "--delimiter", ";;"), "not a delimiter: use one character"),
        (("served", "users.csv", "--casino", "1"), "invalid choice"),
    ],
)
def test_wrong_arguments_are_reported(casino_a, arguments, text):
    with pytest.raises(CommandError, match=text):
        run(*arguments)
