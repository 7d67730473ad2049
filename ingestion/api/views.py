"""The endpoints for messages: each parses the body, stores its messages and returns their outcomes."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
from django.db import Error, OperationalError
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from ingestion.errors import (
    DatabaseUnavailable,
    UnusableOption,
    UploadChanged,
    UploadInProgress,
    UploadReadDifferently,
)
from ingestion.mappings.options import ChosenMapping
from ingestion.topics import COUPONS, EVENTS, IMPRESSIONS, ODDS, USERS, Topic
from ingestion.uploads.ledger import UploadId
from ingestion.uploads.outcomes import ItemOutcome
from ingestion.uploads.requests import find_earlier_outcomes, request_upload, store_request
from ingestion.uploads.store import UploadedMessage
from recommendations.api.renderers import PiecewiseJSONRenderer
from recommendations.api.views import CasinoAPIView
from recommendations.errors import InvalidParameter
from recommendations.validation.own_ids import parse_own_id
from tenants.access.limits import BYTES_PER_REQUEST, charge
from tenants.errors import RequestTooLarge
from tenants.models import Scope

from . import openapi as docs
from .answers import answer
from .bodies import (
    MAX_MESSAGES,
    Body,
    CSVDocumentParser,
    JSONMessagesParser,
    NDJSONMessagesParser,
    XMLDocumentParser,
    body_of,
)
from .documents import mapped_messages, plain_messages, request_mapping
from .errors import MAPPING_CHANGED, IdempotencyKeyInUse, IdempotencyKeyReused

logger = logging.getLogger(__name__)

MESSAGES_PER_REQUEST = 20  # storing this many takes as long as one recommendation
_KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[!-~]{1,200}")


class TopicView(CasinoAPIView):
    """A view that stores messages of one topic."""

    renderer_classes = (PiecewiseJSONRenderer,)
    serializer_class = Serializer
    scope = Scope.INGEST
    topic: ClassVar[Topic]

    def store(self, messages: list[UploadedMessage], upload: UploadId | None = None) -> list[ItemOutcome]:
        """Store the messages, and return their outcomes. Raises IdempotencyKeyInUse, IdempotencyKeyReused,
        OperationalError."""
        with self.api_errors():
            return store_request(casino=self.casino, topic=self.topic, upload=upload, messages=messages)

    @contextmanager
    def api_errors(self) -> Iterator[None]:
        """Turn errors of the block into the API's: IdempotencyKeyInUse, IdempotencyKeyReused, OperationalError."""
        try:
            yield
        except UploadInProgress as error:
            raise IdempotencyKeyInUse from error
        except UploadReadDifferently as error:
            raise IdempotencyKeyReused(MAPPING_CHANGED) from error
        except UploadChanged as error:
            raise IdempotencyKeyReused from error
        except (DatabaseUnavailable, UnusableOption) as error:  # a consumer would park the messages
            raise OperationalError(str(error)) from error
        except Error as error:  # an unknown SQLSTATE, such as a trigger's
            logger.exception("%s: messages of %s can't be stored", self.topic.name, self.casino)
            raise OperationalError(str(error)) from error


class MessagesView(TopicView):
    """Stores messages: one, an array, or one per line; or those that a mapping makes of documents."""

    http_method_names = ["post", "options"]
    parser_classes: Sequence[type[BaseParser]] = (
        JSONMessagesParser,
        NDJSONMessagesParser,
        XMLDocumentParser,
        CSVDocumentParser,
    )
    max_messages: ClassVar[int] = MAX_MESSAGES
    all_stored: ClassVar[int] = status.HTTP_200_OK  # the response's status if no message is rejected

    def ingest(self, request: Request) -> Response:
        key = _idempotency_key(request)
        body = body_of(request)
        if len(body.values) > self.max_messages:
            raise RequestTooLarge(f"The request has {len(body.values)} messages: send at most {self.max_messages}")
        chosen = request_mapping(request.query_params, self.casino, self.topic)
        upload = self._upload(key, body, chosen)
        if chosen is not None and upload is not None:
            with self.api_errors():
                earlier = find_earlier_outcomes(upload)
            if earlier is not None:
                return answer((), earlier, self.all_stored)
        messages = plain_messages(body.values) if chosen is None else mapped_messages(chosen.mapping, body.values)
        charged_by_size = len(body.content) // BYTES_PER_REQUEST
        charge(self.casino, len(messages) // MESSAGES_PER_REQUEST - charged_by_size)
        return answer([each.value or b"" for each in messages], self.store(messages, upload), self.all_stored)

    def _upload(self, key: str, body: Body, chosen: ChosenMapping | None) -> UploadId | None:
        parts = body.media_type.encode(), body.content
        if chosen is None:
            return request_upload(self.topic, key, *parts)
        return request_upload(self.topic, key, *parts, chosen.given.encode(), reading=chosen.digest)


class EventsView(MessagesView):
    """Stores events, as messages of the topic `events`."""

    topic = EVENTS
    staff_permissions: ClassVar[Mapping[str, str]] = {"POST": "recommendations.add_event"}

    @docs.takes(EVENTS)
    def post(self, request: Request) -> Response:
        return self.ingest(request)


class UsersView(MessagesView):
    """Stores users, as messages of the topic `users`."""

    topic = USERS
    staff_permissions: ClassVar[Mapping[str, str]] = {"POST": "recommendations.add_user"}

    @docs.takes(USERS)
    def post(self, request: Request) -> Response:
        return self.ingest(request)


class CouponsView(MessagesView):
    """Stores coupons, as messages of the topic `coupons`."""

    topic = COUPONS
    staff_permissions: ClassVar[Mapping[str, str]] = {"POST": "recommendations.add_purchasedcoupon"}

    @docs.takes(COUPONS)
    def post(self, request: Request) -> Response:
        return self.ingest(request)


class OddsView(MessagesView):
    """Stores prices of markets, as messages of the topic `odds`."""

    topic = ODDS
    staff_permissions: ClassVar[Mapping[str, str]] = {"POST": "recommendations.change_event"}

    @docs.takes(ODDS)
    def post(self, request: Request) -> Response:
        return self.ingest(request)


class ImpressionsView(MessagesView):
    """Stores what users saw and clicked, as messages of the topic `impressions`.

    When the response is sent, the casino's database has them, since front ends don't send them again. The status is
    still 202: an impression counts only once its recommendation has arrived too.
    """

    topic = IMPRESSIONS
    scope = Scope.RECOMMEND  # a back end that shows recommendations may report that users saw them
    staff_permissions: ClassVar[Mapping[str, str]] = {"POST": "recommendations.add_impression"}
    parser_classes = (JSONMessagesParser, NDJSONMessagesParser)
    max_messages: ClassVar[int] = 500
    all_stored: ClassVar[int] = status.HTTP_202_ACCEPTED

    @docs.takes(IMPRESSIONS, all_stored=all_stored, max_messages=max_messages, is_mapped=False)
    def post(self, request: Request) -> Response:
        return self.ingest(request)


class RemovalView(TopicView):
    """Removes a row by its id, as a tombstone of the topic does."""

    http_method_names = ["delete", "options"]

    def remove(self, row_id: str) -> Response:
        if parse_own_id(row_id) is None:  # else its eight bytes of JSON could be a number
            raise NotFound(f"{row_id[:100]!r} is not an id: use 1 to 128 printable characters")
        key = msgspec.json.encode(row_id)  # quoted: eight characters alone could be a number too
        [outcome] = self.store([UploadedMessage(0, None, key=key)])
        return Response({"id": row_id, "outcome": outcome.outcome})


class EventView(RemovalView):
    """Removes an event."""

    topic = EVENTS
    staff_permissions: ClassVar[Mapping[str, str]] = {"DELETE": "recommendations.delete_event"}

    @docs.removes("event_id")
    def delete(self, request: Request, event_id: str) -> Response:
        return self.remove(event_id)


class CouponView(RemovalView):
    """Removes a coupon, and updates the counts of its user and casino."""

    topic = COUPONS
    staff_permissions: ClassVar[Mapping[str, str]] = {"DELETE": "recommendations.delete_purchasedcoupon"}

    @docs.removes("coupon_id")
    def delete(self, request: Request, coupon_id: str) -> Response:
        return self.remove(coupon_id)


def _idempotency_key(request: Request) -> str:
    """The key, or empty text without one. Raises InvalidParameter."""
    key: Any = request.headers.get(_KEY_HEADER)
    if key is None:
        return ""
    if not _KEY.fullmatch(key):
        raise InvalidParameter(f"{_KEY_HEADER} must have 1 to 200 ASCII characters without blanks")
    return str(key)
