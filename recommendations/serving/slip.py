"""Fills a slip with the best-scored events that may be shown to the user."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import inf
from weakref import ref

import msgspec
import numpy as np

from recommendations.offer import OWN_ODD, Column, MemoKey, Offer
from recommendations.offer.arrays import BLOCK, SORTED_AT_FIRST, Floats, Mask, best_first
from recommendations.validation.identity import Match, is_held, name_of
from recommendations.validation.normal_form import key_form

from .options import DEFAULTS, NO_SELECTORS, Options, Selectors

_ELIGIBLE = MemoKey["_Eligible"]("eligible")
_ELIGIBLE_BY_FILTERS = MemoKey["_Eligible"]("eligible by a request's filters")
_FIRST = MemoKey[tuple[ref[Floats], ref[Mask], list[int]]]("first by shared scores")
_HAS_PARTICIPANT = MemoKey[tuple[tuple[str, ...], Mask]]("has participant")
_NO_NAME = frozenset({""})
_MOST_ABOVE = 60.0  # maximal score above the slip's best, so that its exponential fits 32 bits
ANY_PRODUCER = -1  # a value of `alive`, for explanations only: their mask must not replace the requests' cached one


@dataclass(frozen=True, slots=True)
class SlipEvent:
    """An event that is already in the slip, in the offer or not: its sport, the keys of its possible leagues, the names
    of its teams or participants, the key of its competition if it is one-sided, and the market of the bet, if known."""

    sport: str
    leagues: frozenset[str]
    teams: frozenset[str]
    competition: str | None = None
    market: str = ""


class Rules(msgspec.Struct, frozen=True):
    """The rules of one slip: at most `limit` events, at `now` (Unix seconds), with the casino's `options`.

    `excluded`, `held_events`: ids of events that the request or the user's coupons exclude; `held_matches`: of coupons'
    selections without an event id. `sports`: the only allowed ones, all if empty. `min_odd`, `max_odd`: the request's,
    in addition to the options'. `alive`: the bits of the producers whose prices of markets count; with `needs_market`,
    an event's own odd does not count. `passed_over`: places of events without a servable price. `in_slip`: the events
    to which this slip's events are added; they count in the caps, but not in `limit`.
    """

    now: float
    limit: int
    options: Options = DEFAULTS
    sports: Collection[str] = ()
    excluded: Collection[int] = ()
    held_events: Collection[int] = ()
    held_matches: Collection[Match] = ()
    min_odd: float = 1.0
    max_odd: float = inf
    alive: int = 0
    needs_market: bool = False
    passed_over: Collection[int] = ()
    in_slip: Collection[SlipEvent] = ()

    @property
    def without_filters(self) -> "Rules":
        """The rules without the request's filters by sport, odd and market."""
        return msgspec.structs.replace(self, sports=(), min_odd=1.0, max_odd=inf, needs_market=False)

    @property
    def odds(self) -> tuple[float, float]:
        """The lowest and the highest odd that both the casino and the request allow."""
        return max(self.options.min_odd, self.min_odd), min(self.options.max_odd, self.max_odd)


def eligible(offer: Offer, rules: Rules) -> Mask:
    """The mask of events that may be shown to any user, shape (n,). It is read-only unless `rules` have `sports` or
    `passed_over`."""
    shared = rules.options, rules.odds, rules.alive, rules.needs_market
    has_filters = rules.needs_market or rules.min_odd > 1.0 or rules.max_odd < inf
    key = _ELIGIBLE_BY_FILTERS if has_filters else _ELIGIBLE
    cached = offer.memo.get(key)
    if cached is None or not cached.holds(offer, rules, shared):
        cached = _Eligible(offer, rules, shared)
        if rules.alive != ANY_PRODUCER:
            offer.memo.keep(key, cached)
    mask = cached.mask
    if rules.sports:
        mask = mask & _has_any(offer.sport, rules.sports)
    if rules.passed_over:
        mask = mask.copy()
        mask[list(rules.passed_over)] = False
    return mask


class _Eligible:
    """The `mask` of events by the rules that a casino's requests share. It is valid from its creation until an event
    begins or ends."""

    def __init__(self, offer: Offer, rules: Rules, shared: tuple[object, ...]) -> None:
        options, now = rules.options, rules.now
        self._begins, self._shared, self._since = offer.begins, shared, now
        self._next_begin = _next(offer.begins, now + options.begin_margin_seconds)
        self._next_live = min(_next(offer.begins, now), _next(offer.ends, now)) if options.live_events else inf
        self.mask = _compute_eligible(offer, rules)
        self.mask.flags.writeable = False
        self.nbytes = self.mask.nbytes

    def holds(self, offer: Offer, rules: Rules, shared: tuple[object, ...]) -> bool:
        """Whether the mask is valid. Offers with one memo may have different begins, see `with_unknown_start_times`."""
        is_same = self._begins is offer.begins and self._shared == shared
        soonest = rules.now + rules.options.begin_margin_seconds
        return is_same and self._since <= rules.now < self._next_live and soonest < self._next_begin


def _next(times: Floats, moment: float) -> float:
    """The first of these times after the moment; infinity without one."""
    blocks = (times[begin : begin + BLOCK] for begin in range(0, times.size, BLOCK))
    return min((float(np.where(each > moment, each, inf).min()) for each in blocks), default=inf)


def _compute_eligible(offer: Offer, rules: Rules) -> Mask:
    options = rules.options
    mask: Mask = np.greater(offer.begins, rules.now + options.begin_margin_seconds)
    if options.live_events:
        mask |= (offer.begins <= rules.now) & (offer.ends > rules.now) & ~offer.start_time_tbd
    mask &= _has_price(offer, rules)
    if (offered := options.catalogue.sports) is not None:
        mask &= _has_any(offer.sport, offered)
    if (offered := options.catalogue.event_countries) is not None:
        mask &= _has_any(offer.country, offered)
    if options.blocked != NO_SELECTORS:
        mask &= ~selected(offer, options.blocked)
    return mask


def _has_price(offer: Offer, rules: Rules) -> Mask:
    """The mask of events with an own odd within the bounds, or with markets and an open price of a producer in `alive`;
    the gate decides on the single prices."""
    lowest, highest = rules.odds
    has_own: Mask = (offer.odds > 1.0) & (offer.odds >= lowest) & (offer.odds <= highest)
    if rules.needs_market:
        has_own[:] = False
    if offer.offered_by is None:
        return has_own
    has_price: Mask = np.where(offer.offered_by == OWN_ODD, has_own, (offer.offered_by & rules.alive) != 0)
    return has_price


def selected(offer: Offer, selectors: Selectors) -> Mask:
    """The mask of events that match the selectors, shape (n,)."""
    events = [each for event_id in offer.texts.stored_ids(selectors.events) for each in offer.all_ids(event_id)]
    mask: Mask = np.isin(offer.ids, np.array(events, dtype=np.int64))
    columns = (
        (offer.league, selectors.leagues),
        (offer.home_team, selectors.teams),
        (offer.away_team, selectors.teams),
        (offer.sport, selectors.sports),
    )
    for column, names in columns:
        if names:
            mask |= _has_any(column, names)
    if selectors.teams and offer.participants:
        mask |= _has_participant(offer, selectors.teams)
    return mask


def _has_participant(offer: Offer, names: tuple[str, ...]) -> Mask:
    """The mask of one-sided events with one of these participants, cached with the offer."""
    cached = offer.memo.get(_HAS_PARTICIPANT)
    if cached is None or cached[0] != names:
        wanted = frozenset(map(key_form, names))
        events = [each for each, own in offer.participants.items() if not wanted.isdisjoint(map(key_form, own))]
        cached = offer.memo.keep(_HAS_PARTICIPANT, (names, np.isin(offer.ids, np.array(events, dtype=np.int64))))
    return cached[1]


def _has_any(column: Column[str], names: Iterable[str]) -> Mask:
    is_named = np.zeros(len(column.values) + 1, dtype=np.bool_)
    is_named[[place for name in names for place in column.dictionary.places_named(name)]] = True
    return column.spread(is_named)


def choose(offer: Offer, scores: Floats, rules: Rules) -> list[int]:
    """The places in `offer` of the best-scored events that may be shown together, best first, after the pinned ones.

    Equal scores are ordered by id. The slip is shorter if too few events may be shown. `scores` has shape (n,); NaN
    counts as the lowest score. Raises ValueError for another shape.
    """
    if scores.shape != offer.ids.shape:
        raise ValueError(f"A recommender must return {len(offer)} scores, one per event; got shape {scores.shape}.")
    slip, mask = _Slip(offer, rules), eligible(offer, rules)
    if rules.in_slip:
        slip.hold(rules.in_slip)
    pinned = rules.options.pinned
    for among in (mask,) if pinned == NO_SELECTORS else (mask & selected(offer, pinned), mask):
        for place in slip.candidates(scores, among):
            slip.take(place)
    return slip.places


def alternatives(offer: Offer, scores: Floats, rules: Rules) -> list[int]:
    """The places of the best-scored events, best first and at most `rules.limit`, each of which alone may join the
    events in the slip. `scores`: as in `choose`; pinned events are not preferred."""
    slip, mask = _Slip(offer, rules), eligible(offer, rules)
    slip.hold(rules.in_slip)
    if slip.closed is not None:
        mask = mask & ~slip.closed
    return list(islice(filter(slip.allows, best_first(scores, mask)), rules.limit))


def shares_of(offer: Offer, scores: Floats, rules: Rules, places: Sequence[int]) -> Floats:
    """The shares of the first 1, 2, .. events at `places` in the softmax of the scores, shape (places,). The softmax is
    over all events that may be shown without the request's filters, minus `held_events`."""
    if not places:
        return np.empty(0)
    chances = np.subtract(scores, scores[places].max(), dtype=np.float32)  # faster than with 64 bits
    np.exp(np.minimum(chances, _MOST_ABOVE, out=chances), out=chances)
    held = np.fromiter(rules.held_events, np.int64, len(rules.held_events))
    near = np.minimum(offer.ids.searchsorted(held), offer.ids.size - 1)
    chances[near[offer.ids[near] == held]] = 0.0
    shares: Floats = chances[places].cumsum() / (chances @ eligible(offer, rules.without_filters))
    return shares


class Joining:
    """Decides which eligible events may join a growing slip. `has_rejected`: whether an event was rejected."""

    def __init__(self, offer: Offer, rules: Rules) -> None:
        self._slip = _Slip(offer, rules)
        self._slip.hold(rules.in_slip)
        self._known: dict[tuple[int, int], bool] = {}
        self.has_rejected = False

    def accepts(self, places: Sequence[int], place: int) -> bool:
        """Whether the rules allow the event at `place` together with those at `places`, which begin with the places of
        earlier calls."""
        for each in places[len(self._slip.places) :]:
            self._slip.take(each)
        key = len(places), place
        if key not in self._known:
            self._known[key] = self._slip.allows(place)
            self.has_rejected |= not self._known[key]
        return self._known[key]


def _ranked(offer: Offer, scores: Floats, mask: Mask) -> Iterator[int]:
    """The places of these events, best first. If scores and mask are read-only, users share them, and the first places
    are cached with the offer."""
    known = offer.memo.get(_FIRST)
    if known is None or known[0]() is not scores or known[1]() is not mask:
        places = best_first(scores, mask)
        if scores.flags.writeable or mask.flags.writeable:
            return places
        # the owners of scores and mask store them, and count their sizes
        known = offer.memo.keep(_FIRST, (ref(scores), ref(mask), list(islice(places, SORTED_AT_FIRST))))
    first = known[2]
    return chain(first, islice(best_first(scores, mask), len(first), None))  # sorted only when needed


class _Slip(msgspec.Struct, eq=False):
    """A slip that is being filled: the `places` of its events, and the teams, leagues and sports that they exclude.
    `closed`: the mask of events of full leagues and sports, None if none is full."""

    _offer: Offer
    _rules: Rules
    places: list[int] = []
    _teams: set[str] = set()
    _leagues: dict[str, int] = {}
    _competitions: set[str] = set()
    _sports: dict[str, int] = {}
    closed: Mask | None = None

    def hold(self, events: Iterable[SlipEvent]) -> None:
        """Count the events that are already in the slip, and close the leagues and sports that they fill."""
        for each in events:
            self._teams |= each.teams
            self._sports[each.sport] = self._sports.get(each.sport, 0) + 1
            for league in each.leagues:
                self._leagues[league] = self._leagues.get(league, 0) + 1
            if each.competition is not None:
                self._competitions.add(each.competition)
        options, column = self._rules.options, self._offer.league
        full = [column.equals(each) for each in _full(self._leagues, options.max_per_league) if name_of(each)]
        full += [self._offer.sport.equals(each) for each in _full(self._sports, options.max_per_sport)]
        if full:
            self.closed = np.logical_or.reduce(full)

    def candidates(self, scores: Floats, mask: Mask) -> Iterator[int]:
        """Yield the best of these events while the slip, which the caller fills, has room. Once a league or sport is
        full, the rest is ranked without it: skipping its events one by one would take longer than everything else."""
        while len(self.places) < self._rules.limit:
            closed = self.closed
            for place in _ranked(self._offer, scores, mask if closed is None else mask & ~closed):
                yield place
                if self.closed is not closed or len(self.places) >= self._rules.limit:
                    break
            else:
                return

    def allows(self, place: int) -> bool:
        """Whether the rules allow the event. The slip stays unchanged."""
        trial = msgspec.structs.replace(
            self,
            places=[*self.places],
            _teams={*self._teams},
            _leagues=self._leagues.copy(),
            _competitions={*self._competitions},
            _sports=self._sports.copy(),
        )
        return trial.take(place)

    def take(self, place: int) -> bool:
        """Add the event unless the rules or the slip's events exclude it. Returns whether it was added."""
        if self.closed is not None and self.closed[place]:
            return False
        offer, rules = self._offer, self._rules
        event_id = offer.ids.item(place)
        if event_id in rules.held_events or event_id in rules.excluded:  # often so for the best events
            return False
        same_match = offer.same_matches.get(event_id)
        if same_match and not (same_match.isdisjoint(rules.excluded) and same_match.isdisjoint(rules.held_events)):
            return False
        # by name: only the sender knows whether teams with one name in two countries are the same
        teams = {offer.home_team.name(place), offer.away_team.name(place)} - _NO_NAME
        is_one_sided = len(teams) == 1
        if is_one_sided:
            teams.update(offer.participants.get(event_id, ()))
        if not self._teams.isdisjoint(teams) or (
            rules.held_matches and is_held((offer.home_team[place], offer.away_team[place]), rules.held_matches)
        ):
            return False
        league, sport = offer.league[place], offer.sport[place]
        if is_one_sided:  # at most one of a competition
            if (competition := league if name_of(league) else offer.home_team[place]) in self._competitions:
                return False
            self._competitions.add(competition)
        self.places.append(place)
        self._teams.update(teams)
        self._leagues[league] = of_league = self._leagues.get(league, 0) + 1
        self._sports[sport] = of_sport = self._sports.get(sport, 0) + 1
        is_league_full = of_league == rules.options.max_per_league and name_of(league)
        full = [offer.league.equals(league)] if is_league_full else []
        full += [offer.sport.equals(sport)] if of_sport == rules.options.max_per_sport else []
        for mask in full:
            self.closed = mask if self.closed is None else self.closed | mask
        return True


def _full(counts: Mapping[str, int], cap: int | None) -> list[str]:
    return [] if cap is None else [each for each, count in counts.items() if count >= cap]
