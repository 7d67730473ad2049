"""Features of consecutive and common bets, and of popularity at several time scales (`bet_sequences`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np

from recommendations.offer import MemoKey, Offer
from recommendations.offer.arrays import Floats, Floats32, Places
from recommendations.recommenders.base import ScoringContext
from recommendations.validation.identity import name_of

from .bet_sequences import DAY, SCALES, SequenceCounts
from .feature import EventFeature, Feature, Numbers

NEXT, TOGETHER, LAST = "next bets", "co-bets", "last bet"  # components
_HALF_LIFE = 14 * DAY  # of the weights of a user's own events in co-bets
_NO_NEXT = 2.0  # pseudo-users without a next bet, added to an event's bettors
_LEAST_USERS = 3.0  # minimal number of users for a sentence
_LAST = 3


def _with_counts(along: Callable[[SequenceCounts, Offer], Numbers], context: ScoringContext) -> Numbers:
    """Zeros without counts."""
    counts = context.models.get(SequenceCounts)
    return np.zeros(len(context.offer)) if counts is None else along(counts, context.offer)


def _bettors(counts: SequenceCounts, offer: Offer) -> Numbers:
    return counts.along(offer, np.log1p(counts.bettors))


def _recency(counts: SequenceCounts, offer: Offer) -> Numbers:
    return counts.along(offer, counts.recency, counts.never)


def _at_scale(scale: int, counts: SequenceCounts, offer: Offer) -> Numbers:
    return counts.along(offer, counts.scales[scale])


def _share_of_maximum(numbers: Floats, smoothing: float, context: ScoringContext) -> Floats:
    """Each number divided by the largest number of an event that has not begun, plus `smoothing`."""
    is_coming = context.offer.begins > context.hour
    shares: Floats = numbers / (smoothing + numbers.max(where=is_coming, initial=0.0))
    return shares


def _share_of_selections(context: ScoringContext) -> Numbers:
    return _share_of_maximum(context.trends.counts_of(context.offer), 1.0, context)


def _share_of_trend(context: ScoringContext) -> Numbers:
    return _share_of_maximum(context.trends.of_offer(context.offer), 1e-3, context)


def _nearness(scale: float, context: ScoringContext) -> Numbers:
    nearness: Numbers = np.exp(-np.maximum(context.offer.begins - context.hour, 0.0) / scale)
    return nearness


def _order_of_begins(context: ScoringContext) -> Numbers:
    """The rank of each event's begin among the events that have not begun, from 0 (first) to 1 (last)."""
    begins = np.maximum(context.offer.begins, context.hour)
    ordered = np.sort(begins[context.offer.begins > context.hour])
    before = np.searchsorted(ordered, begins, "left") + np.searchsorted(ordered, begins, "right")
    order: Numbers = np.clip((before - 1.0) / (2.0 * max(ordered.size - 1, 1)), 0.0, 1.0)
    return order


SCALE_FEATURES = (
    *(
        EventFeature(f"bets within {name}", "trending", partial(_with_counts, partial(_at_scale, place)))
        for place, name in enumerate(SCALES)
    ),
    EventFeature("bettors", "trending", partial(_with_counts, _bettors)),
    EventFeature("bets since the latest", "trending", partial(_with_counts, _recency)),
    EventFeature("selections of the most", "trending", _share_of_selections),
    EventFeature("trend of the most", "trending", _share_of_trend),
    EventFeature("nearness in days", "soonest", partial(_nearness, DAY)),
    EventFeature("nearness in weeks", "soonest", partial(_nearness, 7 * DAY)),
    EventFeature("order of begins", "soonest", _order_of_begins),
)
PAIR_FEATURES = (
    Feature("share of next bets", NEXT),  # of the users who bet on another event after the user's last event
    Feature("number of next bets", NEXT),
    Feature("next bets after the last three", NEXT),
    Feature("share of previous bets", NEXT),  # of this event's bettors
    Feature("co-bets with the last", TOGETHER),  # cosine of both events' bettors, as in the next three
    Feature("mean co-bets", TOGETHER),
    Feature("sum of co-bets", TOGETHER),
    Feature("recent co-bets", TOGETHER),
    Feature("conditional co-bets", TOGETHER),  # P(this event | an event of the user)
    Feature("logarithm of co-bets", TOGETHER),
)
_SHARE, _NUMBER, _SHARES, _PREVIOUS, _COSINE, _MEAN, _SUM, _RECENT, _CONDITIONAL, _LOGARITHM = range(len(PAIR_FEATURES))


@dataclass(frozen=True, slots=True)
class PairNumbers:
    """The pair features of the events at `places` (ascending): `numbers` (features, t). Other events have 0."""

    places: Places
    numbers: Floats32

    def at(self, places: Places) -> Floats:
        """The features of these events, shape (features, places)."""
        found = np.zeros((len(PAIR_FEATURES), places.size))
        if self.places.size:
            own = np.minimum(self.places.searchsorted(places), self.places.size - 1)
            is_there = self.places[own] == places
            found[:, is_there] = self.numbers[:, own[is_there]]
        return found


def pair_numbers(context: ScoringContext) -> PairNumbers | None:
    """The pair features for the context's user; None if no event of the user has counts."""
    counts, sequence = context.models.get(SequenceCounts), context.profile.sequence
    if counts is None or not sequence.event_ids:
        return None
    end = counts.event_ids.size
    slots = map(counts.slots.get, sequence.event_ids, repeat(end))
    own = [(slot, time) for slot, time in zip(slots, sequence.times, strict=True) if slot < end]
    if not own:
        return None
    ages = np.maximum(context.hour - np.array([time for _, time in own]), 0.0)
    rows, offer = counts.memo.get(_PAIR_ROWS), context.offer
    if rows is None or rows.offer_ids is not offer.ids:
        rows = counts.memo.keep(_PAIR_ROWS, _PairRows(offer, counts.places_in(offer)))
    return _pair_numbers(rows, counts, [slot for slot, _ in own], 2.0 ** (-ages / _HALF_LIFE))


# An event of the offer that users bet on together with another event, and up to three numbers of the pair.
_PAIR = np.dtype([("place", np.int32), ("numbers", np.float32, 3)])
_Kind = Callable[[SequenceCounts, int], tuple[Places, tuple[Floats, ...]]]


class _PairRows:
    """The rows of pairs that requests have read, once for each event, as bytes of `_PAIR`, which join several times
    faster than arrays. They are the same for all users until the counts or the offer change. They are cached in the
    counts, and do not refer to them: a cycle would keep both in memory for long."""

    def __init__(self, offer: Offer, places: Places) -> None:
        self.offer_ids, self._places = offer.ids, places
        self.known: dict[_Kind, dict[int, bytes]] = {_co_bets: {}, _next_bets: {}, _previous_bets: {}}

    def read(self, counts: SequenceCounts, kind: _Kind, slot: int) -> bytes:
        slots, numbers = kind(counts, slot)
        places = self._places[slots]
        is_there = places < self.offer_ids.size
        pairs = np.zeros(np.count_nonzero(is_there), _PAIR)
        pairs["place"] = places[is_there]
        for column, each in enumerate(numbers):
            pairs["numbers"][:, column] = each[is_there]
        row = self.known[kind][slot] = pairs.tobytes()
        return row


_PAIR_ROWS = MemoKey[_PairRows]("pairs")


def _co_bets(counts: SequenceCounts, slot: int) -> tuple[Places, tuple[Floats, ...]]:
    """The cosine of the bettors, the share in the event's bettors, and the logarithm of the common bettors."""
    slots, numbers = counts.pairs_of(counts.co_bets, slot)
    own = counts.bettors[slot]
    cosines = numbers / np.sqrt((counts.bettors[slots] + 1.0) * (own + 1.0))
    return slots, (cosines, numbers / (own + _NO_NEXT), np.log1p(numbers))


def _next_bets(counts: SequenceCounts, slot: int) -> tuple[Places, tuple[Floats, ...]]:
    """The share in the users who bet on another event after this one, and the logarithm of their number."""
    slots, numbers = counts.pairs_of(counts.next_bets, slot)
    return slots, (numbers / (counts.followed[slot] + _NO_NEXT), np.log1p(numbers))


def _previous_bets(counts: SequenceCounts, slot: int) -> tuple[Places, tuple[Floats, ...]]:
    """The share in the other event's bettors."""
    slots, numbers = counts.pairs_of(counts.previous_bets, slot)
    return slots, (numbers / (counts.bettors[slots] + _NO_NEXT),)


def _pair_numbers(rows: _PairRows, counts: SequenceCounts, own: Sequence[int], weights: Floats) -> PairNumbers:
    """The pair features. `own`: the slots of the user's events, with their `weights`."""
    asked = (_co_bets, own), (_next_bets, own[-_LAST:]), (_previous_bets, own[-1:])
    every = [
        rows.read(counts, kind, slot) if row is None else row
        for kind, slots in asked
        for slot, row in zip(slots, map(rows.known[kind].get, slots), strict=True)
    ]
    pairs, sizes = np.frombuffer(b"".join(every), _PAIR), [size // _PAIR.itemsize for size in map(len, every)]
    places, numbers = pairs["place"], pairs["numbers"]
    is_among, position = np.zeros(rows.offer_ids.size, dtype=np.bool_), np.empty(rows.offer_ids.size, dtype=np.intp)
    is_among[places] = True
    among = is_among.nonzero()[0]
    position[among] = np.arange(among.size)  # other entries are not read
    at = position[places]
    after, before = sum(sizes[: len(own)]), pairs.size - sizes[-1]  # where the pairs of the three kinds end
    next_of_last, co_bets_of_last = slice(before - sizes[-2], before), slice(after - sizes[len(own) - 1], after)
    found = np.zeros((len(PAIR_FEATURES), among.size), dtype=np.float32)
    found[_SHARE : _NUMBER + 1, at[next_of_last]] = numbers[next_of_last, :2].T
    np.add.at(found[_SHARES], at[after:before], numbers[after:before, 0])
    found[_PREVIOUS, at[before:]] = numbers[before:, 0]
    found[_COSINE, at[co_bets_of_last]] = numbers[co_bets_of_last, 0]
    summed = numbers[:after].T[[0, 0, 1, 2]].astype(np.float64)
    summed[1:3] *= np.repeat(weights, sizes[: len(own)])
    sum_places = at[:after] + np.arange(4)[:, np.newaxis] * among.size
    found[_SUM:] = np.bincount(sum_places.ravel(), summed.ravel(), 4 * among.size).reshape(4, among.size)
    found[_MEAN] = found[_SUM] / len(own)
    found[_CONDITIONAL] /= weights.sum() + 0.1
    found[_LOGARITHM] /= len(own) + 2.0
    logs = found[_SUM : _RECENT + 1]
    np.log(logs + np.float32(1.0), out=logs)  # several times as fast as log1p
    return PairNumbers(among, found)


def sentences_of_next_bets(context: ScoringContext, place: int) -> list[str]:
    return _sentences(context, place, "next_bets", "Often bet on after {}")


def sentences_of_co_bets(context: ScoringContext, place: int) -> list[str]:
    return _sentences(context, place, "co_bets", "Often bet on together with {}")


def _sentences(context: ScoringContext, place: int, kind: str, sentence: str) -> list[str]:
    """The sentence with the user's last event, if enough other users bet on both."""
    counts, last = context.models.get(SequenceCounts), context.profile.sequence.last
    if counts is None or last is None or last.event_id is None:
        return []
    if counts.users_of(getattr(counts, kind), last.event_id, int(context.offer.ids[place])) < _LEAST_USERS:
        return []
    return [sentence.format(" vs ".join(filter(None, map(name_of, (last.home_team, last.away_team)))))]


def sentences_of_the_last_bet(context: ScoringContext, place: int) -> list[str]:
    """The team or league that the event shares with the user's last bet."""
    last, offer = context.profile.sequence.last, context.offer
    if last is None:
        return []
    teams = {last.home_team, last.away_team}
    shared = [each for each in (offer.home_team[place], offer.away_team[place]) if each in teams]
    shared += [last.league] if offer.league[place] == last.league else []
    return [f"{name}, as in your last bet" for name in map(name_of, shared) if name][:1]


SENTENCES = {NEXT: sentences_of_next_bets, TOGETHER: sentences_of_co_bets, LAST: sentences_of_the_last_bet}
