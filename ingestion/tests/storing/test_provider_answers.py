"""Generated fixtures in the format of three providers: each is stored, and only open ones are recommended."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.tests.closing_messages import Feed
from recommendations.models import Event
from recommendations.serving.options import Options
from tenants.routing.context import use_casino

ANSWERS = Path(__file__).parents[1] / "provider_answers"
COMMON = {"sport": "FOOTBALL", "end_timestamp": "2050-06-01T18:00:00Z", "odd": 2.5}


def api_football_events(answer: Any) -> list[dict[str, Any]]:
    return [
        COMMON
        | {
            "id": each["fixture"]["id"],
            "begin_timestamp": each["fixture"]["date"],
            "status": each["fixture"]["status"]["short"],
            "league": each["league"]["name"],
            "country": each["league"]["country"],
            "home_team": each["teams"]["home"]["name"],
            "away_team": each["teams"]["away"]["name"],
        }
        for each in answer["response"]
    ]


def football_data_org_events(answer: Any) -> list[dict[str, Any]]:
    return [
        COMMON
        | {
            "id": each["id"],
            "begin_timestamp": each["utcDate"],
            "status": each["status"],
            "league": each["competition"]["name"],
            "country": each["area"]["name"],
            "home_team": each["homeTeam"]["name"],
            "away_team": each["awayTeam"]["name"],
        }
        for each in answer["matches"]
    ]


def openligadb_events(answer: Any) -> list[dict[str, Any]]:
    return [
        COMMON
        | {
            "id": each["matchID"],
            "begin_timestamp": each["matchDateTimeUTC"],
            "status": "finished" if each["matchIsFinished"] else None,
            "league": each["leagueName"],
            "country": "Germany",
            "home_team": each["team1"]["teamName"],
            "away_team": each["team2"]["teamName"],
        }
        for each in answer
    ]


@pytest.mark.parametrize(
    ("name", "messages_of", "is_open", "live"),
    [
        ("api_football", api_football_events, {"NS"}, 6),
        ("football_data_org", football_data_org_events, {"SCHEDULED", "TIMED"}, 4),
        ("openligadb", openligadb_events, {None}, 0),
    ],
)
def test_each_fixture_is_stored_and_only_the_open_ones_are_recommended(
    casino_a, settings, name, messages_of, is_open, live
):
    settings.EVENT_HORIZON_DAYS = 36_500
    messages = messages_of(json.loads((ANSWERS / f"{name}.json").read_text()))
    feed = Feed(casino_a)
    assert feed.events(*messages) == ["stored"] * len(messages)
    with use_casino(casino_a.current):
        assert Event.objects.count() == len(messages)
    offered = {message["id"] - 900_000 for message in messages if message["status"] in is_open}
    assert offered
    assert feed.recommended() == offered
    assert len(feed.recommended(Options(live_events=True))) == len(offered) + live
