"""Messages in every form that the formats allow, and their outcomes: the record of a release."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from ingestion.messages.rejection_codes import REASONS
from ingestion.tests.closing_messages import NOW, Feed
from ingestion.topics import TOPICS
from recommendations.text_ids import is_text_id
from recommendations.validation.status_words import EVENT_WORDS, USER_WORDS
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino

from .released_markets import MARKET_ROWS, ODDS_FORMS, PRICES, PRODUCER_ROWS, event_messages, odds_messages, selections
from .schema_changes import alternatives

Message = dict[str, Any]
DOCS = Path(settings.BASE_DIR) / "docs" / "schemas"

# Tables and columns that later releases must keep.
_ROWS = {
    "users": "id, name, surname, birth_year, currency, country, gender, timestamp, favorite_sport, favorite_league, "
    "status, status_until, birth_date, stake_limit, limit_left FROM users",
    "events": "id, country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team, category, "
    f"status, start_time_tbd, timestamp, (SELECT {MARKET_ROWS} WHERE event_id = events.id) AS markets FROM events",
    "coupons": "id, user_id, stake, timestamp, recommended_events FROM purchased_coupons",
    "odds": PRODUCER_ROWS,
}


class Case(msgspec.Struct):
    """A message after others (`before`) in an empty casino. Values are JSON text, null for a tombstone with this `key`.

    `outcome` is the message's outcome, and `rows` are the topic's rows afterwards.
    """

    name: str
    topic: str
    value: str | None
    key: str | None = None
    before: list[tuple[str, str]] = []
    outcome: str = ""
    rows: list[Message] = []

    @property
    def is_accepted(self) -> bool:
        return self.outcome not in REASONS


def store(case: Case, casino: Casino) -> Case:
    """The case with its present outcome and rows. The rows are then deleted."""
    feed = Feed(casino)
    with use_casino(casino.current), casino_atomic():
        for topic, value in case.before:
            feed.send(TOPICS[topic], [value.encode()])
        key = None if case.key is None else case.key.encode("latin-1")
        value_sent = None if case.value is None else case.value.encode()
        [result] = feed.send(TOPICS[case.topic], [value_sent], keys=[key])
        rows = _rows_of(case)
        casino_connection().set_rollback(True)
    return msgspec.structs.replace(case, outcome=result.outcome, rows=rows)


def _rows_of(case: Case) -> list[Message]:
    """The rows, without values that no message contains: a generated id, including a text's, and the sending time."""
    with casino_connection().cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(rows) FROM (SELECT {_ROWS[case.topic]} ORDER BY id) AS rows")
        rows: list[Message] = [row if isinstance(row, dict) else msgspec.json.decode(row) for (row,) in cursor]
    has_id = '"id"' in (case.value or "") and '"id":null' not in (case.value or "")
    for row in rows:
        if not has_id or is_text_id(row["id"]):
            del row["id"]
        if (row["timestamp"] or "") >= f"{NOW - timedelta(hours=2):%Y-%m-%dT%H}":
            del row["timestamp"]
        for selection in row.get("recommended_events", ()):
            if is_text_id(selection.get("event_id") or 0):
                del selection["event_id"]
    return rows


# --- The forms -------------------------------------------------------------------------------------------------------

_BEGIN, _PAST = datetime(2030, 3, 1, 20, tzinfo=UTC), datetime(2025, 6, 1, 11, 28, tzinfo=UTC)
_MATCH: Message = {
    "country": "ENGLAND", "league": "PREMIER LEAGUE", "home_team": "LEEDS", "away_team": "DERBY", "sport": "FOOTBALL",
}  # fmt: skip
_EVENT: Message = _MATCH | {
    "id": 7, "odd": 2.69, "begin_timestamp": "2030-03-01T20:00:00Z", "end_timestamp": "2030-03-03T00:00:00Z",
}  # fmt: skip
_USER: Message = {
    "id": 31, "name": "Ada", "surname": "Lovelace", "birth_year": 1985, "currency": "GBP", "country": "ENGLAND",
    "gender": "FEMALE", "timestamp": "2025-06-01T11:28:00Z", "favorite_sport": "FOOTBALL",
}  # fmt: skip
_COUPON: Message = {
    "id": 4711, "user_id": 31, "stake": 25.51, "timestamp": "2025-06-02T11:28:00Z",
    "recommended_events": [_MATCH | {"event_id": 7, "odd": 2.69}],
}  # fmt: skip
_WHOLE = {"events": _EVENT, "users": _USER, "coupons": _COUPON, "odds": PRICES}
_BEFORE = {
    "events": [], "users": [], "coupons": [("users", msgspec.json.encode(_USER).decode())],
    "odds": [("events", msgspec.json.encode(_EVENT).decode())],
}  # fmt: skip
_LATER = {"timestamp": "2025-07-01T00:00:00Z"}
_AMOUNTS = (0, 0.01, 1, 10.5, "10.50", "0", "12.345", 99999.99, None)
_ODDS = (1.001, 1.01, 2, "2.50", 2.6999, 1000, 999999.999, 1, 0, None)
_TEXTS = ("x", "x" * 100, "bayern münchen", "Zoe\u0308", "ＡＲＳＥＮＡＬ", "  two   words ", "2ª Liga", "O'Neill-Smith")
_IDS = (1, 2**31, 2**53 + 1, 2**62, "31", "a-7", 31.0)


def _times(moment: datetime) -> list[Any]:
    seconds = round(moment.timestamp())
    east = moment + timedelta(hours=2)
    texts = [
        f"{moment:%Y-%m-%dT%H:%M:%S}", f"{moment:%Y-%m-%d %H:%M}", f"{moment:%Y-%m-%dT%H:%M:%S.250000Z}",
        f"{east:%Y-%m-%dT%H:%M:%S}+02:00", f"{east:%Y-%m-%d %H:%M:%S} +0200", f"{moment:%Y%m%dT%H%M%SZ}",
        f"{moment:%Y-%m-%dt%H:%Mz}", f"{moment:%Y-%m-%d}", f"{moment:%Y-%m-%dT24:00:00Z}",
        f"{moment:%Y-%m-%d %H:%M:%S} UTC", str(seconds), str(seconds * 1_000),
    ]  # fmt: skip
    return [*texts, seconds, seconds + 0.5, seconds * 1_000, seconds * 1_000_000]


_FORMS: dict[str, dict[str, list[Any]]] = {
    "events": {
        "id": [*_IDS],
        "begin_timestamp": _times(_BEGIN),
        "timestamp": [*_times(_PAST), None],
        "odd": [*_ODDS],
        "status": [*EVENT_WORDS, "OPEN", "Not-Started", None],
        "category": ["", "women", "U21"],
        "start_time_tbd": [True, False],
        **{name: [*_TEXTS] for name in ("country", "league", "home_team", "away_team")},
        "sport": ["football", " Basketball ", "HANDBALL"],
    },
    "users": {
        "id": [*_IDS],
        "timestamp": _times(_PAST),
        "birth_year": [1900, 2007],
        "birth_date": ["1985-03-01", "1985-03-01T00:00:00Z", None],
        "status": [*USER_WORDS, "Self-Excluded", None],
        "status_until": [*_times(_BEGIN), "9999-12-31T00:00:00Z", None],
        "stake_limit": [*_AMOUNTS],
        "limit_left": [*_AMOUNTS],
        **{name: [*_TEXTS] for name in ("name", "surname", "country")},
        "favorite_sport": ["football", None],
        "favorite_league": ["premier league", "", None],
        "currency": ["eur", "USD"],
        "gender": ["male", "Other"],
    },
    "coupons": {
        "id": [*_IDS],
        "user_id": [31, "31", 31.0, 32],
        "timestamp": _times(_PAST),
        "stake": [*_AMOUNTS],
        "recommended_events": [
            [_MATCH],
            [_MATCH | {"odd": 2.69}, _MATCH | {"home_team": "HULL", "odd": "1.50"}],
            *([_MATCH | {"odd": odd}] for odd in _ODDS),
            *([_MATCH | {"event_id": event_id}] for event_id in _IDS),
            [_MATCH | {"category": "WOMEN"}],
            [_MATCH, _MATCH | {"home_team": ["two", "teams"]}],
            [{"event_id": 7}, _MATCH],
            [{"event_id": 7}],
            *([selection] for selection in selections(_MATCH)),
        ],
    },
    "odds": {"event_id": [*_IDS], "timestamp": [*_times(_PAST), None], **ODDS_FORMS},
}


def cases() -> Iterator[Case]:
    for topic, whole in _WHOLE.items():
        yield _case("whole", topic, whole)
        yield _case(
            "with a byte order mark, spaces and another field", topic, whole | {"more": [1]}, frame="\ufeff {} \n"
        )
        for field in whole:
            yield _case(f"without {field}", topic, {name: value for name, value in whole.items() if name != field})
        for field, forms in _FORMS[topic].items():
            for form in forms:
                yield _case(f"{field} is {form!r:.60}", topic, whole | {field: form})
        for field, value in _bounds_of_schema(topic):
            yield _case(f"{field} is {value!r:.60}, a bound of the schema", topic, whole | {field: value})
        own_id = whole["event_id" if topic == "odds" else "id"]
        yield Case("tombstone by digits", topic, None, str(own_id), _stored(topic))
        yield Case("tombstone by JSON text", topic, None, f'"{own_id}"', _stored(topic))
        yield Case("tombstone by a Java long", topic, None, "\0\0\0\0\0\0\0" + chr(own_id % 256), _stored(topic))
    yield from _partial_cases()
    yield from (_case(name, "events", message) for name, message in event_messages(_EVENT))
    yield from (_case(name, "odds", message, before=_stored("odds")) for name, message in odds_messages())


def _partial_cases() -> Iterator[Case]:
    """Changes of a stored row, and repeated fields."""
    for topic in ("events", "users"):
        id_alone = {"id": _WHOLE[topic]["id"]} | (_LATER if topic == "users" else {})
        for field, forms in _FORMS[topic].items():
            for form in (forms[0], forms[-1]):
                yield _case(f"stored; {field} is {form!r:.60}", topic, id_alone | {field: form}, before=_stored(topic))
        twice = msgspec.json.encode(_WHOLE[topic] | {"status": "open" if topic == "events" else "active"}).decode()
        other = "cancelled" if topic == "events" else "closed"
        yield Case("status twice", topic, f'{twice[:-1]},"status":"{other}"}}')


def _bounds_of_schema(topic: str) -> Iterator[tuple[str, Any]]:
    """Each field with the least and the greatest value of each type that the schema allows."""
    document = msgspec.json.decode((DOCS / f"{topic}.schema.json").read_bytes())
    for field, part in document["$defs"][TOPICS[topic].message.__name__]["properties"].items():
        for each in alternatives(part, document):
            yield from ((field, value) for value in _bounds(each))


def _bounds(part: Message) -> list[Any]:
    match part.get("type"):
        case "integer" | "number":
            return [part[name] for name in ("minimum", "maximum") if name in part]
        case "string":
            return ["x" * part[name] for name in ("minLength", "maxLength") if name in part]
        case "boolean":
            return [True, False]
        case "null":
            return [None]
    return []


def _stored(topic: str) -> list[tuple[str, str]]:
    return [*_BEFORE[topic], (topic, msgspec.json.encode(_WHOLE[topic]).decode())]


def _case(name: str, topic: str, message: Message, *, frame: str = "{}", before: Any = None) -> Case:
    value = frame.format(msgspec.json.encode(message).decode())
    return Case(name, topic, value, before=_BEFORE[topic] if before is None else before)
