"""Casinos' parsed configurations."""

import threading
from dataclasses import dataclass
from operator import is_
from typing import Any

import msgspec
from cachetools import LRUCache

from recommendations.errors import CasinoNotConfigured
from recommendations.offer import offers
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import get_recommender
from tenants.access.limits import charge
from tenants.models import Casino
from tenants.process_state import register

from .experiments.running import RunningExperiment, load_running
from .options import Options, load_options
from .output_schema import FieldMapping, load_schema, needs_reasons
from .request_filters import NO_FILTERS, RequestFilters, require_offered
from .response_size import ResponseSize, response_size

CAPACITY = 1_024

_Stored = tuple[Any, ...]  # recommender, schema, options and experiments, as stored in the catalogue


@dataclass(frozen=True, slots=True)
class Configuration:
    """`most_events`: the largest number of events in a slip, over all variants. `is_small`: a response for one user
    without filters counts as one request, also with markets."""

    recommender: Recommender
    schema: tuple[FieldMapping, ...]
    options: Options
    needs_reasons: bool
    size: ResponseSize
    experiments: tuple[RunningExperiment, ...]
    most_events: int
    is_small: bool


class ConfigurationCache:
    """An LRU cache of one configuration for each casino, so that no casino's changes displace others. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.reset()

    def reset(self) -> None:
        self._entries: LRUCache[int, tuple[_Stored, Configuration]] = LRUCache(self._capacity)
        self._lock = threading.Lock()

    def get(self, casino: Casino) -> Configuration:
        """The casino's configuration. Raises CasinoNotConfigured, and InvalidConfiguration for a recommender of another
        release."""
        stored = (
            casino.recommender_type, casino.recommendation_schema, casino.options, casino.running_experiments
        )  # fmt: skip
        with self._lock:
            entry = self._entries.get(casino.id)
        # a cached row of the catalogue has the same objects at each request
        if entry is not None and all(map(is_, entry[0], stored)):
            return entry[1]
        if not casino.is_configured:
            raise CasinoNotConfigured("Casino is not configured. Please set up the casino first.")
        is_unchanged = entry is not None and msgspec.json.encode(entry[0]) == msgspec.json.encode(stored)
        configuration = entry[1] if entry is not None and is_unchanged else _parse(*stored)
        with self._lock:
            self._entries[casino.id] = stored, configuration
        return configuration


configurations = ConfigurationCache(CAPACITY)
register("parsed configurations", reset=configurations.reset)


def charged_configuration(casino: Casino, filters: RequestFilters, users: int = 1) -> Configuration:
    """The configuration for a request about this number of users. A request with a large response, which was admitted
    as one, is charged as several. Raises CasinoNotConfigured, InvalidParameter."""
    configured = configurations.get(casino)
    if users == 1 and filters is NO_FILTERS and configured.is_small:
        return configured
    if filters.sports:
        require_offered(filters.sports, configured.options.catalogue)
    events = configured.most_events if filters.limit is None else filters.limit
    offer = offers.known().offer
    has_markets = offer is not None and offer.offered_by is not None
    requests = configured.size.count_requests(users, events, explain=filters.explain, has_markets=has_markets)
    if requests > 1:
        charge(casino, requests - 1)
    return configured


def _parse(
    recommender_type: str | None,
    recommendation_schema: dict[str, Any],
    options: dict[str, Any] | None,
    running_experiments: list[Any] | None,
) -> Configuration:
    schema, own_options = load_schema(recommendation_schema), load_options(options)
    experiments = load_running(running_experiments, recommender_type, options)
    limits = [variant.options.event_limit for each in experiments for variant in each.variants]
    size, most_events = response_size(schema), max([own_options.event_limit, *limits])
    return Configuration(
        recommender=get_recommender(recommender_type),
        schema=schema,
        options=own_options,
        needs_reasons=needs_reasons(schema),
        size=size,
        experiments=experiments,
        most_events=most_events,
        is_small=size.count_requests(1, most_events, explain=False, has_markets=True) == 1,
    )
