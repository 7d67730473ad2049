"""Time of scoring, filtering and ranking in process, for each recommender, with 10,000 and 100,000 open events.

All data is generated: 2,400 teams in 120 leagues, a user with 60 selections, trends of every value, models fitted to
2,000 such users, co-bettors of every fifth event, and with fitted weights sequences of 20,000 selections. Prints p50
and p99 in milliseconds.

    python -m benchmarks.scoring
"""

import os
import random
import statistics
import time
from bisect import bisect_right
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

import numpy as np
from rich.console import Console
from rich.table import Table

from operations.gc_tuning import freeze
from recommendations.learning.cases import Case, Cases
from recommendations.learning.lambdarank import fit_trees
from recommendations.learning.user_vectors import WIDTH
from recommendations.offer import ATTRIBUTES, Offer, build_offer
from recommendations.recommenders.base import BettingProfile, FittedModels, ScoringContext
from recommendations.recommenders.hybrid import HybridModel
from recommendations.recommenders.hybrid_features.bet_sequences import BetSequences, SequenceCounts
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES
from recommendations.recommenders.hybrid_features.user_vectors import CoBettors, CoBettorSums, UserVectors
from recommendations.recommenders.neighbours import fit, tokens_of
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.slip import Rules, choose
from recommendations.tallies.selections import BAND_BOUNDS, BetSequence, RecentSelection
from recommendations.tallies.trends import Trends
from recommendations.validation.identity import league_key
from recommendations.validation.identity import match_of as match_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEAGUES, TEAMS, SPORTS = 120, 20, ("FOOTBALL", "BASKETBALL", "HANDBALL")
SELECTIONS, USERS, ROUNDS = 60, 2_000, 500


def main() -> None:
    rng = random.Random(5)
    console = Console()
    fitted = fit([tokens_of(profile_of(rng)) for _ in range(USERS)])
    table = Table("recommender", "10,000: p50", "p99", "100,000: p50", "p99", title="scoring, filters and ranking, ms")
    offers = [offer_of(rng, events) for events in (10_000, 100_000)]
    profile = profile_of(rng)
    for name in RECOMMENDERS:
        times = [
            milliseconds
            for offer in offers
            for milliseconds in measure(name, offer, profile, trends_of(rng, offer), FittedModels(fitted))
        ]
        table.add_row(name, *(f"{each:.2f}" for each in times))
    for kind, hybrid in fitted_hybrids().items():
        times = []
        for offer in offers:
            counts, sequence = sequences_of(offer)
            models = FittedModels(fitted, hybrid, co_bettors_of(offer), counts)
            times += measure("hybrid", offer, replace(profile, sequence=sequence), trends_of(rng, offer), models)
        table.add_row(f"hybrid, {kind}", *(f"{each:.2f}" for each in times))
    console.print(table)


def measure(
    name: str, offer: Offer, profile: BettingProfile, trends: Trends, models: FittedModels
) -> tuple[float, float]:
    recommender, rules = RECOMMENDERS[name], Rules(now=NOW.timestamp(), limit=3)
    freeze()  # like the server's processes
    taken = []
    for number in range(ROUNDS):
        context = ScoringContext(
            offer=offer,
            profile=profile,
            now=NOW.timestamp(),
            hour=NOW.timestamp(),
            seed=(number,),
            trends=trends,
            models=models,
            user_id=1,
        )
        started = time.perf_counter()
        choose(offer, recommender.score(context), rules)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def fitted_hybrids() -> dict[str, HybridModel]:
    """Models with weights for all features, with and without trees."""
    rng = np.random.default_rng(5)
    weights = {name: float(rng.normal()) for name in ADDITIVE}
    cases = [Case(float(number), rng.normal(size=(64, len(NAMES))).astype(np.float32)) for number in range(500)]
    return {"logit": HybridModel(weights), "lambdarank": HybridModel(weights, fit_trees(Cases.of(cases, len(NAMES))))}


def co_bettors_of(offer: Offer) -> CoBettors:
    rng = np.random.default_rng(6)
    user_vectors = UserVectors(np.arange(1, USERS + 1), rng.normal(size=(USERS, WIDTH)).astype(np.float32))
    sums = CoBettorSums(user_vectors)
    for event_id in offer.ids[::5].tolist():
        sums.add(int(rng.integers(1, USERS)), [event_id])
    return sums.co_bettors()


def sequences_of(offer: Offer) -> tuple[SequenceCounts, BetSequence]:
    """The counts of 20,000 selections by a thousand users, most of them on a few events, and a user's 20 events."""
    rng = np.random.default_rng(7)
    shares = 1.0 / np.arange(1, len(offer) + 1) ** 0.7
    bet_on = offer.ids[rng.choice(len(offer), (10_001, 2), p=shares / shares.sum())].tolist()
    sequences = BetSequences()
    for number, events in enumerate(bet_on[:-1]):
        sequences.add(int(rng.integers(1, USERS)), NOW.timestamp() - number, events)
    own = tuple(dict.fromkeys(event for events in bet_on[-20:] for event in events))[:20]
    place = int(np.searchsorted(offer.ids, own[-1]))
    names = {name: getattr(offer, name)[place] for name in ATTRIBUTES}
    last = RecentSelection(timestamp=NOW.timestamp(), event_id=own[-1], odd=2.0, **names)
    return sequences.counts(), BetSequence(own, (NOW.timestamp(),) * len(own), last)


def match_of(rng: random.Random) -> tuple[str, ...]:
    league = rng.randrange(LEAGUES)
    home, away = rng.sample(range(TEAMS), 2)
    country, sport = f"COUNTRY {league % 40}", SPORTS[league % 3]
    return sport, f"LEAGUE {league}", country, f"LEAGUE {league} TEAM {home}", f"LEAGUE {league} TEAM {away}", ""


def offer_of(rng: random.Random, events: int) -> Offer:
    rows = []
    for event_id in range(1, events + 1):
        begin = NOW + timedelta(minutes=rng.randint(1, 14 * 24 * 60))
        rows.append((event_id, begin, begin + timedelta(hours=2), rng.randint(105, 900) / 100, *match_of(rng)))
    return build_offer(1, rows)


def profile_of(rng: random.Random) -> BettingProfile:
    recent = []
    weights: dict[str, dict[str, float]] = {}
    for number in range(SELECTIONS):
        sport, league, country, home, away, category = match_of(rng)
        league, (home, away) = league_key(sport, country, league), match_key(sport, country, category, home, away)
        odd = rng.randint(105, 900) / 100
        recent.append(RecentSelection(float(number), None, sport, league, country, home, away, odd))
        values = {"sport": sport, "league": league, "country": country, "home_team": home, "away_team": away}
        for attribute, value in (values | {"odds_band": str(bisect_right(BAND_BOUNDS, odd))}).items():
            tally = weights.setdefault(attribute, {})
            tally[value] = tally.get(value, 0.0) + 1.0
    top = {attribute: tuple(tally)[:2] for attribute, tally in weights.items()}
    pairs = tuple(each.league for each in recent[:20])
    return BettingProfile("COUNTRY 1", "FOOTBALL", pairs, top, weights, weights, recent)


def trends_of(rng: random.Random, offer: Offer) -> Trends:
    tallies = {
        attribute: {value: rng.random() * 50 for value in getattr(offer, attribute).values}
        for attribute in ("sport", "league", "country", "home_team", "away_team")
    }
    ids = offer.ids[::5].copy()
    return Trends(tallies, tallies, ids, np.array([rng.random() * 20 for _ in ids]))


if __name__ == "__main__":
    main()
