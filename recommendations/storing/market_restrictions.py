"""Closing at once what messages about markets close that can't be stored in their turn yet, and the stored prices that
they replace.

A closing counts for prices as of its time and before, in any order of messages, and each message is stored in its turn
all the same. So this may be done any number of times, by several processes, and also after the message itself.
"""

from collections.abc import Sequence
from datetime import timedelta

from recommendations.text_ids import Kind, with_stored_ids
from recommendations.validation.markets import Closing, OddsRow, scope_of
from recommendations.validation.rows import Removal
from tenants.routing.connections import casino_atomic

from .feeds import Producers
from .markets import close_markets, closing_all, lock_prices


def restrict_odds(rows: Sequence[OddsRow | Removal]) -> None:
    """Close what these messages close. The stored price of a market line that one of them tells is closed too: the
    message opens it in its turn."""
    told = with_stored_ids(Kind.EVENTS, [closing_all(row) if isinstance(row, Removal) else row for row in rows])
    with casino_atomic():
        lock_prices()
        producers = Producers()
        heard = [(row.producer, row.heard) for row in told if row.heard is not None]
        producers.note_down(name for name, each in heard if each.is_down)
        producers.close(heard)
        close_markets([*told, *map(_replaced, told)], producers)


def _replaced(row: OddsRow) -> OddsRow:
    """Closes what is stored of the lines of the row, as of a moment before it."""
    closings = tuple(Closing(scope_of(market.market, market.line)) for market in row.markets)
    as_of = row.timestamp - timedelta.resolution
    return OddsRow(id=row.id, producer=row.producer, timestamp=as_of, closings=closings)
