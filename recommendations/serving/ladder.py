"""An event's prices as a ladder for staff: each outcome of its markets, with the gate's refusal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from recommendations.errors import EventNotFound
from recommendations.models import Event, EventStatus
from recommendations.prices.event_prices import EventPrices, unpack
from recommendations.prices.feeds import NO_FEEDS, Feeds, Reasons
from recommendations.prices.gate import Gate
from recommendations.prices.lines import Lines
from recommendations.prices.refusals import Refusal
from recommendations.prices.request_prices import prices_of_query
from recommendations.text_ids import Kind, id_of, with_texts
from recommendations.validation.own_ids import OwnId

from .options import Options
from .outcome_rules import price_rules
from .request_filters import NO_FILTERS

_SCALE = 1_000
_BETTABLE = (EventStatus.OPEN, EventStatus.LIVE)


@dataclass(frozen=True, slots=True)
class OutcomePrice:
    """An outcome with its odd, None without one, and the code of the gate's refusal, `open` if it has none."""

    name: str
    odd: float | None
    code: str

    @property
    def is_open(self) -> bool:
        return self.code == Refusal.OPEN.code


@dataclass(frozen=True, slots=True)
class LadderLine:
    """A market line. `line`: empty in a market without lines; `as_of`: None for a time outside the calendar."""

    market: str
    line: str
    producer: str
    as_of: datetime | None
    outcomes: tuple[OutcomePrice, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The outcomes' distinct codes."""
        return tuple(dict.fromkeys(each.code for each in self.outcomes))


@dataclass(frozen=True, slots=True)
class Ladder:
    """An event's market lines by market and line, the number of unreadable lines, and the number of outcomes by code.
    `problem`: the reason why nothing of the event is served; empty if its prices decide."""

    event: Event
    problem: str
    lines: tuple[LadderLine, ...]
    unreadable: int
    counts: Counter[str]


def read_ladder(event_id: OwnId, now: datetime, options: Options) -> Ladder:
    """The prices of an event of the current casino, as a request at `now` sees them. Raises EventNotFound."""
    stored_id = id_of(Kind.EVENTS, event_id)
    event = with_texts(Event.objects.filter(pk=stored_id)).first() if stored_id is not None else None
    if event is None:
        raise EventNotFound(f"This casino has no event {event_id}")
    source = prices_of_query(None, ())
    prices = unpack(source.of([event.pk])[event.pk])
    feeds = source.feeds or NO_FEEDS
    gate = Gate(price_rules(options, NO_FILTERS, now.timestamp()), feeds)
    is_live = event.begin_timestamp <= now or event.status == EventStatus.LIVE
    refusals = gate.refusals(prices, source.lines, is_live=is_live, full=frozenset())
    lines = sorted(_lines(prices, source.lines, feeds, refusals), key=_sort_key)
    return Ladder(
        event=event,
        problem=_problem(event, now, options),
        lines=tuple(lines),
        unreadable=len(prices.lines) - len(lines),
        counts=Counter(outcome.code for each in lines for outcome in each.outcomes),
    )


def _lines(prices: EventPrices, known: Lines, feeds: Feeds, refusals: Reasons) -> Iterator[LadderLine]:
    numbers, odds, codes = prices.numbers().tolist(), prices.odds.tolist(), refusals.tolist()
    first = 0
    for _, producer, _, length, as_of in prices.lines.tolist():
        own = range(first, first + length)
        first += length
        if length:
            market, line, _ = known.outcomes[numbers[own[0]]]
            outcomes = tuple(
                OutcomePrice(
                    known.outcomes[numbers[place]].outcome, odds[place] / _SCALE or None, Refusal(codes[place]).code
                )
                for place in own
            )
            yield LadderLine(market, line, feeds.name(producer), _time(as_of), outcomes)


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError):
        return None


def _sort_key(each: LadderLine) -> tuple[str, float, str]:
    try:
        return each.market, float(each.line), ""
    except ValueError:
        return each.market, 0.0, each.line


def _problem(event: Event, now: datetime, options: Options) -> str:
    if event.end_timestamp <= now:
        return "The event is over."
    if event.status not in _BETTABLE:
        return f"The event's status is {event.status}."
    if event.is_withheld and not event.lacks_odd:
        return "The event is withheld: its latest message was unreadable."
    if event.offered_by is None:
        return "The event never had markets: its own odd is used."
    if event.begin_timestamp <= now and not options.live_events:
        return "The event has begun, and the option live_events is off."
    return ""
