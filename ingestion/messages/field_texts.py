"""Describes each field of a message for the JSON Schemas: meaning, units, defaults and an example.

`formats.py` has the texts about bounds and formats; these complete them.
"""

from typing import Any, NamedTuple


class FieldText(NamedTuple):
    """`text` is used where the format has no description of its own."""

    text: str
    example: Any


_TEXTS_OF_MATCH = {
    "country": FieldText("The competition's country or region, stored in upper case.", "ENGLAND"),
    "league": FieldText("The competition, a name within sport and country; stored in upper case.", "PREMIER LEAGUE"),
    "home_team": FieldText("The home team, a name within sport, country and category; upper case.", "ARSENAL"),
    "away_team": FieldText("The away team, a name within sport, country and category; upper case.", "CHELSEA"),
    "sport": FieldText("The sport, stored in upper case.", "FOOTBALL"),
    "odd": FieldText("The price of the event.", 2.69),
    "category": FieldText("The kind of team; empty by default.", "WOMEN"),
    "odd_format": FieldText("The format of the odd.", "decimal"),
    "name": FieldText("The name of a one-sided event, such as an outright or a race.", "PREMIER LEAGUE WINNER"),
}

_TEXTS_OF_OUTCOME = {
    "market": FieldText("The market that was bet on; absent: unknown.", "TOTALS"),
    "line": FieldText("The line of the market.", 2.5),
    "outcome": FieldText("The outcome that was bet on.", "OVER"),
}

FIELD_TEXTS: dict[str, dict[str, FieldText]] = {
    "UserMessage": {
        "id": FieldText("The casino's own id of the user.", 31),
        "name": FieldText("The given name.", "Ada"),
        "surname": FieldText("The family name.", "Lovelace"),
        "birth_year": FieldText("The year of birth; nobody is of age in the year of the birthday.", 1985),
        "birth_date": FieldText("ISO 8601; of age from the birthday on. Absent: only the year is known.", "1985-12-10"),
        "currency": FieldText("The currency of stakes and limits: its ISO 4217 code, or the casino's own.", "GBP"),
        "country": FieldText("The user's country, stored in upper case.", "ENGLAND"),
        "gender": FieldText("MALE, FEMALE or OTHER, unless the casino lists others.", "FEMALE"),
        "timestamp": FieldText("The time as of which these values hold.", "2026-01-01T12:00:00Z"),
        "favorite_sport": FieldText("The user's favourite sport; null: unknown.", "FOOTBALL"),
        "favorite_league": FieldText("The user's favourite league; empty by default: unknown.", "PREMIER LEAGUE"),
        "status": FieldText("Whether the user may be shown bets.", "active"),
        "status_until": FieldText("The end of the status.", "2027-01-01T00:00:00Z"),
        "stake_limit": FieldText("The highest stake of a coupon, in the user's currency.", 50),
        "limit_left": FieldText("The amount that may still be staked, in the user's currency.", "120.50"),
        "personalisation": FieldText("Whether the user allows personalisation.", False),
    },
    "EventMessage": _TEXTS_OF_MATCH
    | {
        "id": FieldText("The casino's own id of the event.", 7),
        "begin_timestamp": FieldText("The begin of the event.", "2026-07-01T20:00:00Z"),
        "end_timestamp": FieldText("The end of the event; absent: the sport's usual one.", "2026-07-01T21:50:00Z"),
        "participants": FieldText("Those of a one-sided event.", ["ARSENAL", "CHELSEA"]),
        "start_time_tbd": FieldText("Whether the hour of the begin is unknown; false by default.", False),
        "status": FieldText("Whether the event can be bet on.", "open"),
        "timestamp": FieldText("The time as of which these values hold.", "2026-06-30T18:00:00Z"),
        "producer": FieldText("The source of the markets.", "PREMATCH"),
        "markets": FieldText(
            "All markets that can be bet on.",
            [{"market": "TOTALS", "line": 2.5, "outcomes": [{"outcome": "OVER", "odd": 1.91}]}],
        ),
    },
    "SelectionMessage": _TEXTS_OF_MATCH
    | _TEXTS_OF_OUTCOME
    | {"event_id": FieldText("The casino's own id of the event.", 7)},
    "CouponMessage": {
        "id": FieldText("The casino's own id of the coupon; absent: the message's place.", 4711),
        "user_id": FieldText("The casino's own id of the user.", 31),
        "stake": FieldText("The stake in the user's currency.", 25.51),
        "timestamp": FieldText("The time of the purchase.", "2026-06-30T18:00:00Z"),
        "recommended_events": FieldText("The selections, at least one.", None),
        "odd_format": FieldText("The format of the odds of selections without an odd_format.", "decimal"),
        "recommendation_id": FieldText(
            "The recommendation that the user bet on, as /recommend returned it; absent: unknown.",
            "6f1c2f1e-8a51-4c43-9f0c-0d6a3f7c1b52",
        ),
    },
    "OutcomeMessage": {
        "outcome": FieldText("The outcome.", "OVER"),
        "odd": FieldText("The price.", 2.05),
        "status": FieldText("Whether the outcome can be bet on.", "open"),
    },
    "MarketMessage": {
        "market": FieldText("The market.", "TOTALS"),
        "line": FieldText("The line.", 2.5),
        "status": FieldText("Whether the market can be bet on.", "open"),
        "outcomes": FieldText("All outcomes, at least one; of a market that is not open they may be absent.", None),
    },
    "HeartbeatMessage": {"complete": FieldText("Whether the producer has lost no message.", True)},
    "OddsMessage": {
        "event_id": FieldText("The casino's own id of the event; absent in a heartbeat or a status.", 7),
        "producer": FieldText("The source of the prices.", "LIVE"),
        "timestamp": FieldText("The time as of which the prices hold.", "2026-06-30T18:00:00Z"),
        "markets": FieldText("The markets that changed.", None),
        "stop": FieldText("The suspended markets.", False),
        "heartbeat": FieldText("A sign of life, true or an object.", True),
        "status": FieldText("The status of the producer.", "up"),
        "odd_format": FieldText("The format of the odds.", "decimal"),
    },
    "ImpressionMessage": {
        "recommendation_id": FieldText(
            "The id in the field recommendation_id of the recommendation.", "0190b5a4-6f2e-7c3a-9b1d-2f6f0c9d8e7a"
        ),
        "user_id": FieldText("The casino's own id of the user who got the recommendation.", 31),
        "kind": FieldText("What the user did.", "seen"),
        "event_ids": FieldText("The casino's own ids of the events; absent or empty: the whole slip.", [7]),
        "placement": FieldText("The place where it was shown.", "home"),
        "timestamp": FieldText("The time.", "2026-06-30T18:00:05Z"),
    },
    "ServedMessage": {
        "recommendation_id": FieldText(
            "Identifies the served recommendation (UUID).", "0190b5a4-6f2e-7c3a-9b1d-2f6f0c9d8e7a"
        ),
        "user_id": FieldText("The user's id in the database; a numeric own id, such as 31, is the same.", 31),
        "timestamp": FieldText("The time of the request.", "2026-06-30T18:00:00Z"),
        "recommender": FieldText("The recommender.", "hybrid"),
        "asked_for": FieldText("The configured recommender.", "hybrid"),
        "stake": FieldText("The recommended stake.", 10),
        "currency": FieldText("The user's currency; empty if unknown.", "GBP"),
        "events": FieldText("The recommended events.", None),
        "fallback": FieldText("The step of the fallback chain.", "1"),
        "model_version": FieldText("The version of the fitted model; empty by default: none.", "2026-06-29T03:00:00Z"),
        "took_ms": FieldText("Milliseconds.", 2.2),
        "placement": FieldText("The part of the page that the request named; empty by default.", "home"),
        "experiment": FieldText("The experiment that the user takes part in; empty by default: none.", "trees"),
        "variant": FieldText("The user's variant of the experiment.", "b"),
        "propensity": FieldText("The probability of the slip.", 0.5),
        "shown": FieldText("Whether the slip was sent.", True),
        "refusal": FieldText("The reason for a slip without events, if the user may be shown no bets.", "time_out"),
    },
    "ServedEventMessage": {
        "event_id": FieldText("The id of the event in the database.", 7),
        "odd": FieldText("The decimal odd at the time of the recommendation.", 2.69),
        "score": FieldText("The score.", 0.73),
        "team": FieldText("The recommender that picked the event; absent if both ranked it first.", "A"),
        "first_team": FieldText("The recommender that had the first pick in the slip.", "B"),
        "propensity": FieldText("The probability of the event.", 0.2),
        "candidates": FieldText("The ids of the candidates from which the event was drawn.", [7, 9]),
    }
    | _TEXTS_OF_OUTCOME,
}
