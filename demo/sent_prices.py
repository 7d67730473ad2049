"""The prices that the demo has sent, read back from the broker, and checks of recommendations against them."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ingestion.kafka.partition_reader import read_partition
from ingestion.kafka.watermarks import watermarks
from ingestion.messages.envelope import casino_id_of, read_headers
from ingestion.topics import EVENTS, ODDS
from recommendations.validation.times import read_time

from .errors import DemoFailed
from .processes import log_path
from .steps import Patience
from .web_server import CheckedResponse

# A feed's prices are served if it was heard within ten seconds: messages older than that were received too.
FEED_SILENCE = timedelta(seconds=10)
_AS_STORED = timedelta(milliseconds=1)

Message = dict[str, Any]
_Line = tuple[str, str, str]  # event, market, line
_Bet = tuple[str, str, str, str]  # event, market, line, outcome


class SentPrices:
    """The prices and stops in messages to one casino, by the time of the prices."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._prices: dict[_Line, dict[datetime, dict[str, float]]] = defaultdict(dict)
        self._stops: dict[str, list[datetime]] = defaultdict(list)
        for message in messages:
            self._add(message)

    def check(self, response: CheckedResponse) -> None:
        """Check that each event names an outcome, at a price that was sent and was neither closed nor changed since.
        Raises DemoFailed."""
        for event in response.events:
            if problem := self._problem_of(event, response.asked_at):
                raise DemoFailed(f"{response.casino} recommends a bet {problem}: {event}")

    def _add(self, message: Message) -> None:
        event_id = str(message.get("event_id", message.get("id")))
        if "timestamp" not in message:
            return  # a heartbeat
        as_of = read_time(message["timestamp"])
        if message.get("stop"):
            self._stops[event_id].append(as_of)
        for market in message.get("markets", ()):
            is_open = market.get("status", "open") == "open"
            odds = {each["outcome"]: each["odd"] for each in market["outcomes"] if is_open}
            self._prices[event_id, market["market"], market.get("line", "")][as_of] = odds

    def _problem_of(self, event: dict[str, Any], asked_at: datetime) -> str:
        if not event["market"] or not event["outcome"]:
            return "without a name"
        line = str(event["event_id"]), event["market"], event["line"]
        sent, priced_at = self._prices.get(line, {}), read_time(event["priced_at"])
        at_that_time = [odds for as_of, odds in sent.items() if abs(as_of - priced_at) <= _AS_STORED]
        if not any(odds.get(event["outcome"]) == event["odd"] for odds in at_that_time):
            return "at a price that was not sent"
        later = [each for each in (*sent, *self._stops[line[0]]) if each > priced_at + _AS_STORED]
        return "that was closed or changed since" if any(each < asked_at - FEED_SILENCE for each in later) else ""


def wait_until_prices_move(
    first: Sequence[CheckedResponse], ask: Callable[[CheckedResponse], CheckedResponse]
) -> list[CheckedResponse]:
    """Repeat requests until a bet of the first responses has another price. `ask` repeats one. Raises DemoFailed."""
    patience, before = Patience(), _prices_of(first)
    while True:
        answers = [ask(each) for each in first]
        after = _prices_of(answers)
        if any(after.get(bet, odd) != odd for bet, odd in before.items()):
            return answers
        if patience.has_ended(0):
            raise DemoFailed(f"no price of {first[0].casino} has moved; see {log_path('produce_odds')}")
        time.sleep(0.2)


def _prices_of(responses: Iterable[CheckedResponse]) -> dict[_Bet, float]:
    return {
        (str(each["event_id"]), each["market"], each["line"], each["outcome"]): each["odd"]
        for response in responses
        for each in response.events
    }


def sent_messages(casino_id: int) -> Iterator[Message]:
    """The messages about events and odds that the broker has for this casino."""
    for topic in (EVENTS, ODDS):
        for partition, (first, end, _) in watermarks(topic.full_name).items():
            for batch in read_partition(topic.full_name, partition, first, end):
                for message in batch:
                    if casino_id_of(read_headers(message)) == casino_id:
                        yield msgspec.json.decode(message.value())
