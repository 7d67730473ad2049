"""The features of what users bet on next and together, and of popularity at several time scales (`bet_sequences`)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from operator import attrgetter

import numpy as np

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats, Places
from recommendations.recommenders.base import ScoringContext
from recommendations.validation.identity import name_of

from .bet_sequences import DAY, SCALES, PairRows, SequenceCounts
from .feature import EventFeature, Numbers, PairFeature, Pairs

NEXT, TOGETHER, LAST = "next bets", "co-bets", "last bet"  # components
_HALF_LIFE = 14 * DAY  # of the user's own bets, as far as they tell which events are bet on together
_NO_NEXT = 2.0  # users without a next bet, added to an event's own
_LEAST_USERS = 3.0  # who bet so, before a sentence says it
_LAST = 3


def _of_counts(along: Callable[[SequenceCounts, Offer], Numbers], context: ScoringContext) -> Numbers:
    """0 where nothing is counted."""
    counts = context.models.get(SequenceCounts)
    return np.zeros(len(context.offer)) if counts is None else along(counts, context.offer)


def _bettors(counts: SequenceCounts, offer: Offer) -> Numbers:
    return counts.along(offer, np.log1p(counts.bettors))


def _recency(counts: SequenceCounts, offer: Offer) -> Numbers:
    return counts.along(offer, counts.recency, counts.never)


def _at_scale(scale: int, counts: SequenceCounts, offer: Offer) -> Numbers:
    return counts.along(offer, counts.scales[scale])


def _of_the_most(numbers: Floats, smoothing: float, context: ScoringContext) -> Floats:
    """Each number as a share of the largest of an event that has not begun."""
    is_coming = context.offer.begins > context.hour
    shares: Floats = numbers / (smoothing + numbers.max(where=is_coming, initial=0.0))
    return shares


def _share_of_selections(context: ScoringContext) -> Numbers:
    return _of_the_most(context.trends.counts_of(context.offer), 1.0, context)


def _share_of_trend(context: ScoringContext) -> Numbers:
    return _of_the_most(context.trends.of_offer(context.offer), 1e-3, context)


def _nearness(scale: float, context: ScoringContext) -> Numbers:
    nearness: Numbers = np.exp(-np.maximum(context.offer.begins - context.hour, 0.0) / scale)
    return nearness


def _order_of_begins(context: ScoringContext) -> Numbers:
    """From 0 for the first begin among the events that have not begun to 1 for the last."""
    begins = np.maximum(context.offer.begins, context.hour)
    ordered = np.sort(begins[context.offer.begins > context.hour])
    before = np.searchsorted(ordered, begins, "left") + np.searchsorted(ordered, begins, "right")
    order: Numbers = np.clip((before - 1.0) / (2.0 * max(ordered.size - 1, 1)), 0.0, 1.0)
    return order


SCALE_FEATURES = (
    *(
        EventFeature(f"bets within {name}", "trending", partial(_of_counts, partial(_at_scale, place)))
        for place, name in enumerate(SCALES)
    ),
    EventFeature("bettors", "trending", partial(_of_counts, _bettors)),
    EventFeature("bets since the latest", "trending", partial(_of_counts, _recency)),
    EventFeature("selections of the most", "trending", _share_of_selections),
    EventFeature("trend of the most", "trending", _share_of_trend),
    EventFeature("nearness in days", "soonest", partial(_nearness, DAY)),
    EventFeature("nearness in weeks", "soonest", partial(_nearness, 7 * DAY)),
    EventFeature("order of begins", "soonest", _order_of_begins),
)
PAIR_FEATURES = (
    PairFeature("share of next bets", NEXT, attrgetter("next_share")),
    PairFeature("number of next bets", NEXT, attrgetter("next_count")),
    PairFeature("next bets after the last three", NEXT, attrgetter("next_shares")),
    PairFeature("share of previous bets", NEXT, attrgetter("previous_share")),
    PairFeature("co-bets with the last", TOGETHER, attrgetter("cosine_of_last")),
    PairFeature("mean co-bets", TOGETHER, attrgetter("mean_cosine")),
    PairFeature("sum of co-bets", TOGETHER, attrgetter("cosines")),
    PairFeature("recent co-bets", TOGETHER, attrgetter("recent_cosines")),
    PairFeature("conditional co-bets", TOGETHER, attrgetter("recent_share")),
    PairFeature("logarithm of co-bets", TOGETHER, attrgetter("log_counts")),
)


@dataclass(frozen=True, slots=True)
class PairNumbers:
    """The pair features of the events at `places` (ascending): `numbers` (features, t). Other events have 0."""

    places: Places
    numbers: Floats

    def at(self, places: Places) -> Floats:
        """The features of these events, shape (features, places)."""
        found = np.zeros((len(PAIR_FEATURES), places.size))
        if self.places.size:
            own = np.minimum(np.searchsorted(self.places, places), self.places.size - 1)
            is_there = self.places[own] == places
            found[:, is_there] = self.numbers[:, own[is_there]]
        return found


def pair_numbers(context: ScoringContext) -> PairNumbers | None:
    """None where nothing is known of the user's events."""
    counts, sequence = context.models.get(SequenceCounts), context.profile.sequence
    if counts is None or not sequence.event_ids:
        return None
    slots = np.fromiter(map(counts.slots.get, sequence.event_ids, repeat(-1)), np.intp, len(sequence.event_ids))
    is_known = (slots >= 0) & (slots < counts.event_ids.size)
    if not is_known.any():
        return None
    ages = np.maximum(context.hour - np.array(sequence.times), 0.0)[is_known]
    pairs = _pairs(counts, counts.places_in(context.offer), slots[is_known], 2.0 ** (-ages / _HALF_LIFE))
    return PairNumbers(pairs.places, np.array([feature.compute(pairs) for feature in PAIR_FEATURES]))


def _pairs(counts: SequenceCounts, places: Places, own: Places, weights: Floats) -> Pairs:
    """`places` of the slots in the offer; `own`: the slots of the user's events, with their weights."""
    together = counts.co_bets.rows(own, places)
    following = counts.next_bets.rows(own[-_LAST:], places)
    before = counts.previous_bets.rows(own[-1:], places)
    last_place = int(places[-1])
    is_among = np.zeros(last_place + 1, dtype=np.bool_)
    for rows in (together, following, before):
        is_among[rows.places] = True
    among = np.flatnonzero(is_among[:-1])
    position = np.full(last_place + 1, among.size, dtype=np.intp)
    position[among] = np.arange(among.size)

    def sums(rows: PairRows, values: Floats) -> Floats:
        return np.bincount(position[rows.places], values, minlength=among.size + 1)[:-1].astype(np.float64, copy=False)

    bettors, own_bettors = counts.bettors, counts.bettors[own][together.rows]
    cosines = together.numbers / np.sqrt((bettors[together.slots] + 1.0) * (own_bettors + 1.0))
    recent, shares = weights[together.rows], together.numbers / (own_bettors + _NO_NEXT)
    next_shares = following.numbers / (counts.followed[own[-_LAST:]][following.rows] + _NO_NEXT)
    is_of_last, is_next = together.rows == own.size - 1, following.rows == min(own.size, _LAST) - 1
    return Pairs(
        places=among,
        next_count=np.log1p(sums(following, following.numbers * is_next)),
        next_share=sums(following, next_shares * is_next),
        next_shares=sums(following, next_shares),
        previous_share=sums(before, before.numbers / (bettors[before.slots] + _NO_NEXT)),
        cosine_of_last=sums(together, cosines * is_of_last),
        mean_cosine=sums(together, cosines) / own.size,
        cosines=np.log1p(sums(together, cosines)),
        recent_cosines=np.log1p(sums(together, cosines * recent)),
        recent_share=sums(together, shares * recent) / (weights.sum() + 0.1),
        log_counts=sums(together, np.log1p(together.numbers)) / (own.size + 2.0),
    )


def sentences_of_next_bets(context: ScoringContext, place: int) -> list[str]:
    return _sentences(context, place, "next_bets", "Often bet on after {}")


def sentences_of_co_bets(context: ScoringContext, place: int) -> list[str]:
    return _sentences(context, place, "co_bets", "Often bet on together with {}")


def _sentences(context: ScoringContext, place: int, kind: str, sentence: str) -> list[str]:
    """The sentence with the user's last event, where enough other users bet so."""
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
