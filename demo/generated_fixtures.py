"""Generated basketball and handball fixtures, for lack of free data. Their leagues' names end in "(GENERATED)"."""

import itertools
import random
from datetime import UTC, datetime, timedelta

from .fixtures import Fixture

_LEAGUES = {
    ("BASKETBALL", "SPAIN", "LIGA DE BALONCESTO (GENERATED)"): "MADRID VALENCIA MALAGA BILBAO VITORIA GRANADA ZARAGOZA",
    ("BASKETBALL", "GREECE", "BASKET LEAGUE (GENERATED)"): "ATHENS PIRAEUS PATRAS LARISSA VOLOS RHODES CHANIA KAVALA",
    ("BASKETBALL", "USA", "BASKETBALL LEAGUE (GENERATED)"): "AUSTIN BOISE RENO TULSA OMAHA FRESNO TUCSON LAREDO",
    ("HANDBALL", "GERMANY", "HANDBALL LIGA (GENERATED)"): "KIEL LEMGO GUMMERSBACH EISENACH ERLANGEN MINDEN HAMBURG",
    ("HANDBALL", "DENMARK", "HANDBOLDLIGAEN (GENERATED)"): "AALBORG ODENSE KOLDING RIBE SKJERN MORS HOLSTEBRO",
    ("HANDBALL", "FRANCE", "LIGUE DE HANDBALL (GENERATED)"): "NANTES NIMES CHARTRES TOULOUSE DUNKERQUE ISTRES CRETEIL",
}
_FIRST_ID = 100_001
_HOURS = (16, 17, 18, 19, 20)


def generated_fixtures(rng: random.Random) -> list[Fixture]:
    """A double round robin of each league, three matches a day."""
    fixtures: list[Fixture] = []
    for (sport, country, league), cities in _LEAGUES.items():
        for number, (home, away) in enumerate(itertools.permutations(cities.split(), 2)):
            begin = datetime(2025, 1, 1, rng.choice(_HOURS), tzinfo=UTC) + timedelta(days=number // 3)
            fixtures.append(
                Fixture(
                    id=_FIRST_ID + len(fixtures),
                    sport=sport,
                    league=league,
                    country=country,
                    home_team=f"{home} {sport}",
                    away_team=f"{away} {sport}",
                    begin=begin,
                    end=begin + timedelta(hours=2),
                )
            )
    return fixtures
