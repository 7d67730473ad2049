"""The topics: the functions that decode and store each topic's messages, and the creation of topics in Kafka."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from django.conf import settings

from recommendations.storing import (
    Outcome,
    restrict_events,
    restrict_odds,
    restrict_users,
    store_coupons,
    store_events,
    store_impressions,
    store_odds,
    store_recommendations,
    store_users,
)
from tenants.models import Casino

from .catalogue import feed_silence_option
from .errors import BrokerUnavailable
from .kafka.client import new_admin
from .kafka.connection_errors import answer_within, explain
from .kafka.forwarder import MAX_BYTES
from .messages.coupons import decode_coupon
from .messages.decoding import Decode, decode_event, decode_impression, decode_served, decode_user
from .messages.formats import CouponMessage, EventMessage, ImpressionMessage, OddsMessage, ServedMessage, UserMessage
from .messages.odds import close_unread, decode_odds
from .messages.partial_formats import PARTIAL_EVENTS, PARTIAL_USERS, PartialFormat
from .messages.reading import CloseUnread

logger = logging.getLogger(__name__)

PARTITIONS = 3

# Parked messages are kept until they are stored, and a little larger than the original ones.
_FORWARDED_CONFIG = {"retention.ms": "-1", "max.message.bytes": str(MAX_BYTES)}


class StoreRows(Protocol):
    """Stores rows of `casino`, the current one. `message_of` returns the packed message of a row, for a coupon that
    waits for its user."""

    def __call__(self, rows: Sequence[Any], *, message_of: Callable[[Any], bytes], casino: Casino) -> list[Outcome]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic of messages in the format `message`, stored by one consumer group.

    `name` and `group_name`, without the installation's prefixes, are those in commands, metrics and message counts.
    `parks_rejected`: beyond its rejection limit, a casino's messages are parked; false if parking valid messages could
    leave an excluded user or a cancelled event served. `partial`: the format of incomplete rows, or the function that
    closes for an unreadable message; None: it is only rejected. `catalogue_lists`: field of a row -> the list of the
    casino's option `catalogue` that must have its value. `restrict`: stores the restrictions of parked messages; None
    if they have none.
    """

    name: str
    group_name: str
    parks_rejected: bool
    message: type[msgspec.Struct]
    decode: Decode
    store: StoreRows
    partial: PartialFormat | CloseUnread | None = None
    catalogue_lists: Mapping[str, str] = field(default_factory=dict, hash=False)
    restrict: Callable[[Sequence[Any]], None] | None = None

    @property
    def full_name(self) -> str:
        """The topic's name on the broker, which is also in places of messages and in ledgers."""
        return f"{settings.KAFKA_TOPIC_PREFIX}{self.name}"

    @property
    def group(self) -> str:
        return f"{settings.KAFKA_GROUP_PREFIX}{self.group_name}"

    @property
    def parked(self) -> str:
        """The name of the topic for parked messages."""
        return f"{self.full_name}.parked"


EVENTS = Topic(
    name="events",
    group_name="recsys-events",
    parks_rejected=False,
    message=EventMessage,
    decode=decode_event,
    store=lambda rows, **_: store_events(rows),
    partial=PARTIAL_EVENTS,
    catalogue_lists={"sport": "sports", "country": "event_countries"},
    restrict=restrict_events,
)
COUPONS = Topic(
    name="coupons",
    group_name="recsys-coupons",
    parks_rejected=True,
    message=CouponMessage,
    decode=decode_coupon,
    store=lambda rows, *, message_of, **_: store_coupons(rows, message_of=message_of),
)
USERS = Topic(
    name="users",
    group_name="recsys-users",
    parks_rejected=False,
    message=UserMessage,
    decode=decode_user,
    store=lambda rows, **_: store_users(rows),
    partial=PARTIAL_USERS,
    catalogue_lists={"currency": "currencies", "country": "user_countries", "gender": "genders"},
    restrict=restrict_users,
)
RECOMMENDATIONS = Topic(
    name="recommendations",
    group_name="recsys-recommendations",
    parks_rejected=True,
    message=ServedMessage,
    decode=decode_served,
    store=lambda rows, **_: store_recommendations(rows),
)

ODDS = Topic(
    name="odds",
    group_name="recsys-odds",
    parks_rejected=False,
    message=OddsMessage,
    decode=decode_odds,
    store=lambda rows, *, casino, **_: store_odds(rows, silence=feed_silence_option(casino)),
    partial=close_unread,
    restrict=restrict_odds,
)

IMPRESSIONS = Topic(
    name="impressions",
    group_name="recsys-impressions",
    parks_rejected=True,
    message=ImpressionMessage,
    decode=decode_impression,
    store=lambda rows, **_: store_impressions(rows),
)

TOPICS = {topic.name: topic for topic in (EVENTS, COUPONS, USERS, RECOMMENDATIONS, ODDS, IMPRESSIONS)}


def topic_names() -> list[str]:
    """The names on the broker of all topics, including those of parked messages."""
    return [name for topic in TOPICS.values() for name in (topic.full_name, topic.parked)]


def create_topics() -> list[str]:
    """Create the missing topics, and return their names. Topics of parked messages get partitions until they have as
    many as their original topic.

    Waits for a starting broker up to `KAFKA_STARTUP_SECONDS`; then, or at once if it refuses the login, raises
    BrokerUnavailable.
    """
    deadline = time.monotonic() + settings.KAFKA_STARTUP_SECONDS
    admin = new_admin(deadline=deadline)
    try:
        return answer_within(deadline - time.monotonic(), admin, partial(_create_missing, admin))
    except KafkaException as error:
        raise BrokerUnavailable(
            f"The topics could not be created: {explain(error)}. Check KAFKA_BOOTSTRAP_SERVERS and the broker."
        ) from error


def _new_topic(name: str, present: dict[str, Any]) -> NewTopic:
    """A topic with at least the partitions of its original topic: forwarded messages keep their partition."""
    origin = next(topic.full_name for topic in TOPICS.values() if name.startswith(topic.full_name))
    partitions = len(present[origin].partitions) if origin in present else PARTITIONS
    config = {} if name == origin else _FORWARDED_CONFIG
    return NewTopic(name, partitions, settings.KAFKA_REPLICATION_FACTOR, config=config)


def _create_missing(admin: AdminClient, timeout: float) -> list[str]:
    present = admin.list_topics(timeout=timeout).topics
    missing = sorted(set(topic_names()) - set(present))
    new = [_new_topic(name, present) for name in missing]
    for future in admin.create_topics(new).values() if new else ():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process has created it
                raise
    _add_partitions(admin, {name: len(topic.partitions) for name, topic in present.items()})
    return missing


def _add_partitions(admin: AdminClient, counts: Mapping[str, int]) -> None:
    """Add the missing partitions. A consumer runs without them until it forwards a message to one."""
    expected = {topic.parked: counts.get(topic.full_name, 0) for topic in TOPICS.values()}
    too_few = [NewPartitions(name, count) for name, count in expected.items() if counts.get(name, count) < count]
    for name, future in admin.create_partitions(too_few).items() if too_few else ():
        text = f"The topic {name} has {counts[name]} partitions, but its original topic {expected[name]}"
        try:
            future.result()
            logger.info("%s: added the missing ones", text)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.INVALID_PARTITIONS:  # another process has added them
                logger.warning(
                    "%s: the missing partitions could not be added, add them by hand: %s", text, explain(error)
                )
