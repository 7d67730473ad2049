"""Queries of the catalogue that storing messages needs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import Error, connection
from django.db.models import F
from django.db.models.fields.json import KT

from ingestion.errors import AllDatabasesUnavailable, UnusableOption
from recommendations.storing import FEED_SILENCE
from recommendations.validation.odds import OddFormat
from tenants.current_casino import CATALOGUE
from tenants.models import Casino
from tenants.models.casino import ENDED_STATES


@contextmanager
def catalogue_required() -> Iterator[None]:
    """Raises AllDatabasesUnavailable if a query of the block to the catalogue fails."""
    try:
        yield
    except Error as error:
        raise AllDatabasesUnavailable(f"the catalogue's database is unavailable: {error}") from error


def find_casinos(ids: Iterable[int | None], topic: str = "") -> dict[int, Casino]:
    """The casinos with these ids, except deleted ones, with the option `catalogue` as `stored_catalogue` and, with a
    `topic`, the options for its mapping (`mapping_option`) and for odds (`odd_format_option`). The rest of their
    configurations is not loaded. Raises AllDatabasesUnavailable."""
    with catalogue_required():
        casinos = Casino.objects.using(CATALOGUE).exclude(state__in=ENDED_STATES)
        if topic:
            own = {"mapping_option": KT(f"options__mapping__{topic}"), "odd_format_option": KT("options__odd_format")}
            casinos = casinos.annotate(**own)
        given_ids = [each for each in ids if each is not None]
        stored = {"stored_catalogue": F("options__catalogue"), "feed_silence": F("options__feed_silence_seconds")}
        casinos = casinos.defer("recommendation_schema", "options").annotate(**stored)
        return casinos.in_bulk(given_ids)


def ready_casino_ids() -> list[int]:
    """The ids of all casinos with a complete database. Raises AllDatabasesUnavailable."""
    with catalogue_required():
        return list(Casino.objects.using(CATALOGUE).ready().order_by("pk").values_list("pk", flat=True))


def mapping_option(casino: Casino) -> str | None:
    """The casino's option for the mapping of the topic given to `find_casinos`: a name, or JSON; None without one."""
    option: str | None = getattr(casino, "mapping_option", None)
    return option


def odd_format_option(casino: Casino) -> OddFormat:
    """The casino's option for odds in messages without a format. `casino` must come from `find_casinos` with a topic.
    Raises UnusableOption."""
    return _odd_format(getattr(casino, "odd_format_option", None))


def stored_odd_format(options: object) -> OddFormat:
    """The option in a casino's stored options. Raises UnusableOption."""
    return _odd_format(options.get("odd_format") if isinstance(options, dict) else None)


def _odd_format(option: str | None) -> OddFormat:
    try:
        return OddFormat.DECIMAL if option is None else OddFormat(option)
    except ValueError as error:
        text = f"the option odd_format can't be used: it is {option!r:.60}, and none of {', '.join(OddFormat)}"
        raise UnusableOption(text) from error


def feed_silence_option(casino: Casino) -> timedelta:
    """The time without a message after which a feed of prices is silent; the default if the option is no number."""
    if hasattr(casino, "feed_silence"):
        stored = casino.feed_silence
    else:
        stored = (casino.options or {}).get("feed_silence_seconds")
    return timedelta(seconds=stored) if isinstance(stored, int | float) else FEED_SILENCE


def require_catalogue() -> None:
    """Raises AllDatabasesUnavailable unless the catalogue's database answers. Reconnects first if the connection was
    given up, as when a casino's time ended in a query of the catalogue."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    with catalogue_required(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
