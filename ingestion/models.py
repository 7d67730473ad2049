"""Ingestion's tables in each casino's database: the ledgers, message counts, and dead letters."""

from django.db import models

from tenants.models.dead_letter import DeadLetterColumns
from tenants.orm.model import CasinoModel


class PartitionOffset(CasinoModel):
    """The ledger: the offset of a partition up to which this casino's messages are stored or rejected.

    It advances in the transaction that stores the rows, so that neither a crash before the commit to Kafka nor a
    consumer whose partition was revoked stores a message twice. `latest_sent_at` is the latest time (Unix milliseconds)
    of these messages: a message sent later is new even if its offset is smaller, as in a recreated topic.
    """

    cluster = models.CharField(max_length=100)
    consumer_group = models.CharField(max_length=255)
    topic = models.CharField(max_length=255)
    topic_id = models.CharField(max_length=40, blank=True)
    partition = models.IntegerField()
    next_offset = models.BigIntegerField()
    latest_sent_at = models.BigIntegerField()

    class Meta:
        db_table = "ingestion_offsets"
        constraints = [
            # also the index of each batch's query
            models.UniqueConstraint(
                name="partition_offset_unique",
                fields=["consumer_group", "topic", "partition", "cluster", "topic_id"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} up to {self.next_offset}"


class Upload(CasinoModel):
    """The ledger of an upload: a request with an Idempotency-Key (`name`), or an imported file (its digest).

    It advances in the transaction that stores the rows: messages with smaller offsets are stored. `digest` is that of
    the contents, which must be equal in a repeat; with a mapping, its second half is that of the mapping. `outcomes`:
    for a request, the outcome, code and field of each message, as JSON of at most 90 KB, without personal data.
    """

    door = models.CharField(max_length=10)  # the transport
    name = models.CharField(max_length=255)
    topic = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    next_offset = models.BigIntegerField()
    outcomes = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "ingestion_uploads"
        constraints = [
            # also the index of each request's query
            models.UniqueConstraint(name="upload_unique", fields=["door", "name"]),
        ]
        indexes = [
            # pruning: the oldest uploads
            models.Index(name="upload_received", fields=["received_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.topic} of {self.door} {self.name} up to {self.next_offset}"


class MessageCount(CasinoModel):
    """The number of a topic's messages with one outcome in one hour: stored, duplicate, or a rejection code.

    For rejections, coupons stored in part and skipped messages, `last_place` and `last_detail` are the last message's
    place and its problem, or the reason for skipping it.
    """

    topic = models.CharField(max_length=255)
    hour = models.DateTimeField()
    outcome = models.CharField(max_length=30)
    is_rejection = models.BooleanField()
    count = models.BigIntegerField()
    last_at = models.DateTimeField()
    last_place = models.CharField(max_length=500, blank=True)
    last_detail = models.TextField(blank=True)

    class Meta:
        db_table = "ingestion_counts"
        constraints = [
            models.UniqueConstraint(name="message_count_unique", fields=["topic", "hour", "outcome"]),
        ]
        indexes = [
            # the latest hours of all topics: the admin's list and ingestion_status
            models.Index(name="message_count_hour", fields=["-hour", "topic", "outcome"]),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.topic} {self.outcome}"


class DeadLetter(CasinoModel, DeadLetterColumns):
    """A rejected message of this casino, stored in the transaction that advances the ledger past it."""

    class Meta(DeadLetterColumns.Meta):
        db_table = "dead_letters"

    def __str__(self) -> str:
        return f"{self.reason}: {self.place}"
