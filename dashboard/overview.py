"""All casinos at a glance: a page of them, each with what its own database says."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ingestion.status import statistics as messages
from recommendations import statistics
from tenants.models import Casino

from .casino_reader import Unavailable, read

SLOW_SECONDS = 1.0
PATIENCE_SECONDS = 10.0

NOT_ASKED = Unavailable("Not asked, since others kept this page waiting.", is_outage=True)


@dataclass(frozen=True, slots=True)
class Figures:
    glance: statistics.Glance
    today: messages.Today


@dataclass(frozen=True, slots=True)
class Row:
    """A casino of the list, with its figures or with why there are none."""

    casino: Casino
    figures: Figures | None
    away: Unavailable | None


def rows(casinos: Iterable[Casino], now: datetime) -> Iterator[Row]:
    """One after the other, so that a page takes one connection at a time. A server that was waited for in vain is not
    asked again for the same page, and after `PATIENCE_SECONDS` none is."""
    started = time.monotonic()
    silent: set[str | None] = set()
    for casino in casinos:
        asked_at = time.monotonic()
        is_asked = casino.server_id not in silent and asked_at - started < PATIENCE_SECONDS
        answer = read(casino, lambda: Figures(statistics.glance(now), messages.today(now))) if is_asked else NOT_ASKED
        if isinstance(answer, Unavailable):
            if answer.is_unreachable and time.monotonic() - asked_at > SLOW_SECONDS:
                silent.add(casino.server_id)
            yield Row(casino, None, answer)
        else:
            yield Row(casino, answer, None)
