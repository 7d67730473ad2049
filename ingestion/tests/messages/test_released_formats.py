"""No release rejects a message of an earlier release, or stores it differently: CONTRIBUTING.md explains how to record
a release."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestion.topics import COUPONS, EVENTS, ODDS, USERS
from recommendations.storing import Result
from tenants.tests.exhaustive import scaled

from .released_formats import DOCS, Case, cases, store
from .schema_changes import narrowings

pytestmark = pytest.mark.covered

RELEASES = Path(__file__).with_name("released")
RECORDED = sorted(folder.name for folder in RELEASES.iterdir())
TOPICS = [topic.name for topic in (EVENTS, USERS, COUPONS, ODDS)]
SUFFIX = ".schema.json"
RECORDED_TOPICS = [
    (release, path.name.removesuffix(SUFFIX))
    for release in RECORDED
    for path in (RELEASES / release).glob(f"*{SUFFIX}")
]
# Messages that are stored otherwise on purpose, and why. They may not be refused.
_EXACT = "amounts have the decimals of their currency, up to eight"
INTENDED = {f"{field} is '12.345'": _EXACT for field in ("stake", "stake_limit", "limit_left")}
NEW_RELEASE = os.environ.get("RELEASE", "")


def record_of(release: str) -> list[Case]:
    """The messages that the release took."""
    lines = (RELEASES / release / "messages.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Case) for line in lines]


def alike(topic: str) -> list[list[tuple[str, Case]]]:
    """The records of each message to the topic, with their releases: all releases accept most messages, and the present
    outcome does not depend on the release."""
    records: dict[Any, list[tuple[str, Case]]] = {}
    for release in RECORDED:
        for case in record_of(release):
            if case.topic == topic:
                records.setdefault((case.value, case.key, *case.before), []).append((release, case))
    return list(records.values())


def lost(before: Any, now: Any) -> bool:
    """Whether a part of a recorded value is missing. A row may have more fields now, and a coupon selections that
    could not be read before."""
    if isinstance(before, dict) and isinstance(now, dict):
        return any(name not in now or lost(value, now[name]) for name, value in before.items())
    if isinstance(before, list) and isinstance(now, list):
        return any(all(lost(each, found) for found in now) for each in before)
    return bool(before != now)


def is_as_good(before: Case, now: Case) -> bool:
    is_same = before.outcome == now.outcome or (before.outcome, now.outcome) == (Result.STORED_IN_PART, Result.STORED)
    return is_same and len(before.rows) == len(now.rows) and not lost(before.rows, now.rows)


@pytest.mark.parametrize(("release", "topic"), sorted(RECORDED_TOPICS))
def test_schema_accepts_whatever_that_of_a_release_accepted(release, topic):
    name = f"{topic}{SUFFIX}"
    old, new = (msgspec.json.decode((folder / name).read_bytes()) for folder in (RELEASES / release, DOCS))
    assert narrowings(old, new) == []


@pytest.mark.scaled
@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.usefixtures("fresh_ids")  # resets the sequences that ids of 2**62 raise
def test_each_message_that_a_release_took_is_stored_as_before(casino_a, topic):
    changed = []
    for records in alike(topic)[:: scaled(16, 1)]:
        now = store(records[0][1], casino_a)
        for release, case in records:
            if not is_as_good(case, now) and not (case.name in INTENDED and now.is_accepted):
                was, is_now = ((each.outcome, each.rows) for each in (case, now))
                changed.append(f"{release}: {case.name}: {case.value}\n  was {was}\n  is {is_now}")
    assert not changed, "\n".join(["Stored otherwise (if on purpose, add it to INTENDED):", *changed])


def test_record_has_messages_of_each_kind_with_rows():
    record = record_of(RECORDED[-1])
    assert {case.topic for case in record} == {*TOPICS}
    assert {"stored", "removed"} <= {case.outcome for case in record}
    assert sum(bool(case.rows) for case in record) > 300


def test_changes_are_noticed():
    row = {"odd": 2.5, "selections": [{"sport": "FOOTBALL"}]}
    assert not lost(row, row | {"more": 1, "selections": [{"sport": "FOOTBALL", "more": 1}]})
    assert lost(row, {"odd": 2.5})
    assert lost(row, row | {"odd": 2.51})
    assert lost([row], [])
    stored = Case("", "users", "{}", outcome="stored", rows=[row])
    assert is_as_good(stored, stored)
    assert not is_as_good(stored, msgspec.structs.replace(stored, outcome="wrong_type", rows=[]))
    assert not is_as_good(stored, msgspec.structs.replace(stored, rows=[row, row]))


@pytest.mark.skipif(not NEW_RELEASE, reason="records a release: make release-formats RELEASE=1.1")
@pytest.mark.usefixtures("fresh_ids")
def test_release_is_recorded(casino_a):
    folder = RELEASES / NEW_RELEASE
    folder.mkdir(exist_ok=True)
    for topic in TOPICS:
        (folder / f"{topic}{SUFFIX}").write_bytes((DOCS / f"{topic}{SUFFIX}").read_bytes())
    taken = [case for case in (store(case, casino_a) for case in cases()) if case.is_accepted]
    lines = [msgspec.json.encode(case) + b"\n" for case in taken]
    (folder / "messages.jsonl").write_bytes(b"".join(lines))
