"""Messages about known events and users, stored in a casino; and the events then recommended, and the users shown
bets."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.catalogue import find_casinos
from ingestion.messages.decoding import TimeBounds
from ingestion.messages.reading import DecodedMessage, read_message
from ingestion.messages.results import MessageResult
from ingestion.storing.transaction import store_messages
from ingestion.topics import EVENTS, USERS, Topic
from recommendations.models import Event
from recommendations.recommenders.registry import get_recommender
from recommendations.services import recommend
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.load import find
from recommendations.serving.options import DEFAULTS, Options
from recommendations.serving.slip import Rules, eligible
from tenants.models import Casino
from tenants.routing.context import use_casino

from .decoded_messages import body_of, envelope_of

NOW = datetime.now(UTC)


def ago(**lapse: float) -> str:
    return (NOW - timedelta(**lapse)).isoformat()


def ahead(**lapse: float) -> str:
    return (NOW + timedelta(**lapse)).isoformat()


EVENT: dict[str, Any] = {
    "id": 900001,
    "sport": "FOOTBALL",
    "league": "L",
    "country": "ENGLAND",
    "home_team": "A",
    "away_team": "B",
    "begin_timestamp": ahead(days=22),
    "end_timestamp": ahead(days=22, hours=2),
    "odd": 2.5,
}
USER: dict[str, Any] = {
    "id": 800001,
    "name": "Ann",
    "surname": "Test",
    "birth_year": 1985,
    "currency": "GBP",
    "country": "ENGLAND",
    "gender": "FEMALE",
    "timestamp": ago(days=27),
    "favorite_sport": "FOOTBALL",
}


def event(number: int, **changes: Any) -> dict[str, Any]:
    """The event with this number, which has its own teams."""
    return EVENT | {"id": 900_000 + number, "home_team": f"A{number}", "away_team": f"B{number}"} | changes


def user(number: int, **changes: Any) -> dict[str, Any]:
    return USER | {"id": 800_000 + number, "name": f"Ann {number}"} | changes


class Feed:
    """Sends messages of a casino, one after the other, a second apart."""

    def __init__(self, casino: Casino) -> None:
        self._casino = casino
        self._sent = 0

    def configure(self, **options: Any) -> None:
        """Set the casino's options for the next messages."""
        Casino.objects.filter(pk=self._casino.pk).update(options=options)
        self._casino = find_casinos([self._casino.pk])[self._casino.pk]

    def send(
        self, topic: Topic, values: Iterable[Any], *, keys: Iterable[bytes | None] = (), at: datetime | None = None
    ) -> list[MessageResult]:
        """Store the messages. Returns the results in their order. Bytes are sent unchanged, any other value as JSON."""
        keys, messages = list(keys), []
        bounds = TimeBounds.at(NOW)
        for place, value in enumerate(values):
            self._sent += 1
            sent = round((at or NOW + timedelta(seconds=self._sent, hours=-1)).timestamp() * 1_000)
            key = keys[place] if keys else None
            envelope = envelope_of(
                topic, body_of(value), casino=self._casino.pk, offset=self._sent, sent_at=sent, key=key
            )
            messages.append(DecodedMessage(envelope, read_message(topic.decode, topic.partial, envelope, bounds)))
        results = store_messages(topic, self._casino, messages, NOW, lambda rejected: None)
        by_offset = {result.envelope.place.offset: result for result in results}
        return [by_offset[message.envelope.place.offset] for message in messages]

    def events(self, *values: Any, **changes: Any) -> list[str]:
        return [result.outcome for result in self.send(EVENTS, values, **changes)]

    def users(self, *values: Any, **changes: Any) -> list[str]:
        return [result.outcome for result in self.send(USERS, values, **changes)]

    def send_removal(self, user_id: int) -> None:
        self.send(USERS, [None], keys=[str(user_id).encode()], at=NOW - timedelta(days=18))

    def recommended(self, options: Options = DEFAULTS) -> set[int]:
        """The numbers of the events that may be recommended."""
        with use_casino(self._casino.current):
            offer = find([0], NOW, 0).casino_context.offer
            places = eligible(offer, Rules(NOW.timestamp(), 3, options)).nonzero()[0]
            return {int(offer.ids[place]) - 900_000 for place in places}

    def shown_bets(self, numbers: Iterable[int], options: Options = DEFAULTS) -> set[int]:
        """The numbers of the users, among these, who are shown bets."""
        request = RecommendationRequest(self._casino.pk, get_recommender("static"), NOW, options)
        with use_casino(self._casino.current):
            answers = recommend(request, [800_000 + number for number in numbers])
            return {answer.user_id - 800_000 for answer in answers if answer.recommended_events}

    def event(self, number: int) -> Event:
        with use_casino(self._casino.current):
            return Event.objects.get(id=900_000 + number)
