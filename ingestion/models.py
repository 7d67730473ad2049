"""What ingestion keeps in each casino's database: how far it has come, and how good what came was."""

from django.db import models

from tenants.orm.model import CasinoModel


class PartitionOffset(CasinoModel):
    """The ledger: up to which offset of a partition this casino's messages are done with.

    It moves on in the transaction that stores the rows, so that neither a crash before the commit to Kafka nor a
    consumer that has lost its partition stores anything twice. `latest_sent_at` is the latest time (Unix milliseconds)
    of a message done with: one sent later was never seen, whatever its offset, as in a topic that is made again.
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
            # also the index by which each batch finds its rows
            models.UniqueConstraint(
                name="partition_offset_unique",
                fields=["consumer_group", "topic", "partition", "cluster", "topic_id"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} up to {self.next_offset}"


class MessageCount(CasinoModel):
    """How many messages of a topic ended in one way within an hour: stored, duplicate, or rejected for a reason.

    For rejections `last_place` and `last_detail` say which message was the last, and what was wrong with it.
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
            # the latest hours, over all topics: the admin's list and the status
            models.Index(name="message_count_hour", fields=["-hour", "topic", "outcome"]),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.topic} {self.outcome}"
