"""The broker's id of a topic, which distinguishes a recreated topic from the deleted one."""

import logging
import time
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from django.conf import settings

from .client import new_admin
from .connection_errors import explain

logger = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
_MOCK_CLUSTER = "mockCluster"  # prefix of the embedded broker's cluster id; its topics have no ids


class TopicIdentity:
    """`id` is the topic's last known id; empty if the broker has none."""

    def __init__(self, topic: str, cluster: str) -> None:
        self.id = ""
        self._topic = topic
        self._admin = None if cluster.startswith(_MOCK_CLUSTER) else new_admin()
        self._checking: Future[Any] | None = None
        self._check_at = 0.0

    def read(self) -> bool:
        """Ask the broker for the id, and wait for its answer. Returns whether the topic was recreated since the last
        answer."""
        self._checking = self._ask()
        return self._take_answer()

    def check(self) -> bool:
        """Ask the broker for the id at intervals, without waiting. Returns whether the topic was recreated since the
        last answer."""
        if self._checking is not None:
            return self._checking.done() and self._take_answer()
        if time.monotonic() >= self._check_at:
            self._checking = self._ask()
        return False

    def _ask(self) -> "Future[Any] | None":
        self._check_at = time.monotonic() + CHECK_SECONDS
        if self._admin is None:
            return None
        topics = TopicCollection([self._topic])
        return self._admin.describe_topics(topics, request_timeout=settings.KAFKA_ANSWER_SECONDS)[self._topic]

    def _take_answer(self) -> bool:
        answer, self._checking = self._checking, None
        if answer is None:
            return False
        try:
            found = str(answer.result().topic_id or "")
        except KafkaException as error:  # the topic may be deleted now
            logger.warning("The broker returned no id of topic %s: %s", self._topic, explain(error))
            return False
        known, self.id = self.id, found or self.id
        return bool(known) and known != self.id
