"""A short form of `make answers`, and a test of its ledger, which must find wrong legs."""

import random
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.conf import settings

from tenants.routing.context import use_casino

from .answers.__main__ import found_by
from .answers.backlog import BROKER_BYTES, FULL_BYTES, PARKED_HEADERS_BYTES, Backlog
from .answers.checker import Checker
from .answers.http_answers import HttpAnswers
from .answers.ledger import SECOND, Ledger, Leg, Moment, fault_of_slip
from .answers.meanings import EventFacts, JournalReader, JournalWriter, MarketMeaning, Meaning, line_scope
from .short_runs import require_success

SHORT = "--answers 2000 --readers 1 --rate 1000 --events 200 --seconds 60"
NOW = 1_800_000_000 * SECOND
MOMENT = Moment(now=NOW, clock=NOW, lowest=1_500, highest=4_000)
SILENCE, MAX_LIVE_AGE = 3 * SECOND, 15 * SECOND
OVER = Leg(7, 2_000, "TOTALS", "2.5", "OVER", "LIVE", NOW - SECOND)
# Terminated after its handlers are removed: while the interpreter, at its end, frees the modules' objects.
TERMINATED_AT_ITS_END = """
import os, signal
from ingestion.tests.answers.reader import until_sigterm

class Held:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGTERM):
        kill(process, number)

held = Held()
with until_sigterm() as is_ending:
    os.kill(os.getpid(), signal.SIGTERM)
print(is_ending)
"""
ANSWER = b'{"events": []}'
PRICED = [MarketMeaning("TOTALS", "2.5", True, {"OVER": 2_000, "UNDER": 0})]


def odds_message(**values):
    fields: dict[str, Any] = {"partition": 0, "producer": "LIVE", "sent_at": NOW, "is_heard": True}
    return Meaning(topic="odds", event=7, **fields | values)


def prices(*markets, as_of=NOW - SECOND, **values):
    return odds_message(markets=list(markets) or PRICED, as_of=as_of, **values)


def facts(**values):
    fields: dict[str, Any] = {"status": "OPEN", "begin": NOW + 60 * SECOND, "end": NOW + 120 * SECOND}
    event_facts = EventFacts(**fields | values)
    return Meaning(topic="events", partition=0, sent_at=NOW, event=7, as_of=NOW, facts=event_facts)


def beat(partition=0, *, sent_at=NOW, **values):
    return odds_message(partition=partition, is_beat=True, sent_at=sent_at, **values)


def fault(*meanings, leg=OVER, moment=MOMENT):
    ledger = Ledger(silence=SILENCE, max_live_age=MAX_LIVE_AGE)
    for each in (facts(), *meanings):
        ledger.apply(each)
    return ledger.fault(leg, moment)


def test_a_price_that_may_be_bet_on_has_no_fault():
    assert fault(prices(), beat()) == ""
    assert fault(facts(odd=2_000), leg=Leg(7, 2_000)) == ""


@pytest.mark.parametrize(
    ("meanings", "kind"),
    [
        ([prices(MarketMeaning("TOTALS", "2.5", False, {"OVER": 2_000}))], "suspended"),
        ([prices(MarketMeaning("TOTALS", "2.5", True, {"OVER": 0}))], "suspended"),
        ([prices(MarketMeaning("TOTALS", "2.5", True, {"UNDER": 2_000}))], "unknown"),
        ([prices(), odds_message(closings=[""], as_of=NOW)], "suspended"),
        ([prices(), odds_message(closings=["TOTALS"], as_of=NOW)], "suspended"),
        ([prices(), odds_message(closings=[line_scope("TOTALS", "2.5")], as_of=NOW - SECOND)], "suspended"),
        ([prices(), odds_message(closings=[""], as_of=NOW, producer="")], "suspended"),
        ([prices(), prices(MarketMeaning("1X2", "", True, {"HOME": 2_000}), is_complete=True, as_of=NOW)], "suspended"),
        ([prices(), facts(status="SUSPENDED")], "suspended"),
        ([prices(), facts(begin=NOW - 60 * SECOND, end=NOW)], "event begun or over"),
        ([prices(), beat(1, sent_at=NOW - 4 * SECOND), beat()], "silent"),
        ([prices(), odds_message(is_down=True)], "silent"),
        ([prices(), odds_message(is_down=True), beat(sent_at=NOW + 1)], "stale"),
        ([odds_message(is_down=True, sent_at=NOW - 2 * SECOND), prices(), beat()], "stale"),
        ([prices(), beat(loses_prices=True)], "stale"),
        ([prices(), beat(), odds_message(producer="", is_heard=False, loses_prices=True)], "stale"),
        ([beat(sent_at=NOW - 9 * SECOND), prices(sent_at=NOW - 8 * SECOND), beat()], "stale"),
        ([prices(as_of=NOW - 16 * SECOND), facts(begin=NOW - SECOND)], "another price"),
        ([prices(MarketMeaning("TOTALS", "2.5", True, {"OVER": 2_010}))], "another price"),
        ([prices(producer="EARLY")], "another price"),
        ([prices(), prices(as_of=NOW)], "another price"),
    ],
)  # fmt: skip
def test_the_ledger_finds_what_is_wrong(meanings, kind):
    assert fault(*meanings).startswith(kind)


def test_the_ledger_finds_old_prices_in_play_odds_out_of_range_and_other_markets():
    old = NOW - 16 * SECOND
    in_play = [prices(as_of=old), facts(begin=NOW - SECOND)]
    assert fault(*in_play, leg=OVER._replace(priced_at=old)).startswith("stale")
    assert fault(prices(), moment=MOMENT._replace(lowest=2_001)) == "out of range"
    assert fault(prices(), moment=MOMENT._replace(markets=frozenset({"1X2"}))).startswith("another market")
    assert fault(facts(odd=2_000), leg=Leg(7, 2_010)).startswith("another price")
    assert fault(prices(), facts(odd=2_000), leg=Leg(7, 2_000)).startswith("another price")
    assert fault_of_slip([OVER, OVER._replace(outcome="UNDER")]).startswith("repeated")


def test_an_older_message_changes_nothing():
    assert fault(prices(), odds_message(closings=[""], as_of=NOW - 2 * SECOND), beat()) == ""
    assert fault(odds_message(closings=[""], as_of=NOW - 2 * SECOND), prices()) == ""
    assert fault(prices(), prices(MarketMeaning("TOTALS", "2.5", False, {}), as_of=NOW - 2 * SECOND)) == ""


def test_the_journal_gives_messages_up_to_an_offset_and_says_if_it_is_behind(tmp_path):
    writer = JournalWriter(tmp_path / "journal")
    reader = JournalReader(tmp_path / "journal")
    for offset in range(3):
        writer.append(prices(offset=offset))
    assert reader.has_all({("odds", 0): 3})
    assert not reader.has_all({("odds", 0): 4})
    assert [meaning.offset for meaning in reader.take({("odds", 0): 2})] == [0, 1]


def test_the_feed_waits_for_consumers_before_the_broker_drops_parked_messages():
    backlog = Backlog()
    for offset in range(3):
        backlog.add(("odds", 0), offset, FULL_BYTES // 2 - PARKED_HEADERS_BYTES)
        assert backlog.is_full is (offset == 2)
    backlog.take_away({("odds", 0): 1})
    assert not backlog.is_full
    assert not backlog.has_lost
    backlog.add(("odds", 0), 3, BROKER_BYTES)
    assert backlog.has_lost


def test_sigterm_ends_the_reading_and_does_not_kill_a_reader_at_its_end():
    command = [sys.executable, "-c", TERMINATED_AT_ITS_END]
    run = subprocess.run(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (run.stdout, run.returncode) == ("[True]\n", 0)


def test_a_reader_that_has_printed_what_it_found_has_not_failed():
    commands = ["""echo '{"answers": 4}'; kill $$""", """echo '{"answers": 3}'""", "kill $$"]
    readers = [subprocess.Popen(["sh", "-c", each], stdout=subprocess.PIPE, text=True) for each in commands]
    found, errors = found_by(readers)
    assert (found.answers, errors) == (7, ["reader 2 ended with -15"])


class ClosesTheFirst(BaseHTTPRequestHandler):
    """Closes the first connection without a response, and notes the time."""

    protocol_version = "HTTP/1.1"
    closed_at = 0.0

    def __getattr__(self, name):
        """`do_GET`, `do_POST`: the same for each method."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        if not self.closed_at:
            type(self).closed_at, self.close_connection = time.time(), True
            return
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(ANSWER)


class LastMoment(Checker):
    def check(self, slips, moment, since, until=None):
        self.moment = moment
        super().check(slips, moment, since, until)


@pytest.mark.slow
def test_a_closed_connection_is_counted_and_the_clock_is_read_again(casino_a, tmp_path):
    JournalWriter(tmp_path / "journal")
    checker = LastMoment(tmp_path / "journal")
    with HTTPServer(("127.0.0.1", 0), ClosesTheFirst) as server, use_casino(casino_a.current):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        HttpAnswers(checker, random.Random(1), range(1, 31), casino_a.pk, server.server_port).step()
        server.shutdown()
    assert (checker.found.answers, checker.found.reconnections) == (1, 1)
    assert checker.moment.clock / SECOND >= ClosesTheFirst.closed_at


@pytest.mark.exhaustive
def test_no_answer_has_a_wrong_leg_while_prices_change_and_consumers_are_killed():
    require_success("ingestion.tests.answers", *SHORT.split())
