"""Market lines, their prices, and the producers and feeds that prices come from."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.orm.model import CasinoModel

MAX_PRODUCERS = 30  # bits of `Event.offered_by`, a positive integer
# The digest of a line's outcomes in any order: the outcomes themselves may be too long for an index.
OUTCOME_SET = models.Func("outcomes", function="outcome_set", output_field=models.TextField())
_IS_CODE = Q(code__gte=0, code__lt=MAX_PRODUCERS)


class MarketStatus(models.TextChoices):
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class MarketLine(CasinoModel):
    """The texts of a market, its line (empty if the market has none), and its outcomes in the order of their first
    message, which is also the order of `Market.odds`. The same outcomes in another order are the same line.

    Rows never change. Ids are assigned under the lock of `PriceVersion`, so that a reader of all rows up to one id
    finds all new rows above it.
    """

    id = models.AutoField(primary_key=True)
    market = models.TextField()
    line = models.TextField(default="", db_default="", blank=True)
    outcomes = ArrayField(models.TextField())

    class Meta:
        db_table = "market_lines"
        constraints = [
            # also the index for finding the lines of stored messages
            models.UniqueConstraint("market", "line", OUTCOME_SET, name="market_line_unique"),
        ]

    def __str__(self) -> str:
        return " ".join(part for part in (self.market, self.line) if part)


class Market(CasinoModel):
    """A market line of an event as of its latest message: `odds` are thousandths, in the order of the line's outcomes,
    0 for a closed outcome. An event has one row for a market and line.

    No foreign keys and no further index: an update then changes no index (HOT), and odds may come before their event.
    """

    pk = models.CompositePrimaryKey("event_id", "line_id")
    event_id = models.BigIntegerField()
    line_id = models.IntegerField()
    producer = models.SmallIntegerField()
    status = models.TextField(choices=MarketStatus.choices)
    as_of = models.DateTimeField()
    odds = ArrayField(models.IntegerField())

    class Meta:
        db_table = "markets"
        constraints = [
            models.CheckConstraint(name="market_status_known", condition=Q(status__in=MarketStatus.values)),
            models.CheckConstraint(
                name="market_producer_is_code", condition=Q(producer__gte=0, producer__lt=MAX_PRODUCERS)
            ),
        ]

    def __str__(self) -> str:
        return f"event {self.event_id}, line {self.line_id}"


class MarketStop(CasinoModel):
    """A producer's latest closing of its markets of an event: markets with prices as of `as_of` or before have this
    status, even if the prices arrive later. `scope` is empty for all markets, otherwise a market, or a market and its
    line with a separator between them."""

    pk = models.CompositePrimaryKey("event_id", "producer", "scope")
    event_id = models.BigIntegerField()
    producer = models.SmallIntegerField()
    scope = models.TextField()
    as_of = models.DateTimeField()
    status = models.TextField()

    class Meta:
        db_table = "market_stops"

    def __str__(self) -> str:
        return f"event {self.event_id}, producer {self.producer}"


class PriceVersion(CasinoModel):
    """One row, incremented by a trigger with every statement that changes markets, like `OfferVersion` for events."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField()

    class Meta:
        db_table = "price_version"
        constraints = [models.CheckConstraint(name="price_version_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.version)


class PriceChange(CasinoModel):
    """The events whose markets changed in one version of the prices; null means any event. Only the latest versions are
    stored.

    `line_ids` has the changed market lines, each of the event at the same index of `line_events`. Null means any line
    of these events: too many lines changed, or an earlier release stored the version.
    """

    version = models.BigIntegerField(primary_key=True)
    event_ids = ArrayField(models.BigIntegerField(), null=True)
    line_events = ArrayField(models.BigIntegerField(), null=True)
    line_ids = ArrayField(models.IntegerField(), null=True)

    class Meta:
        db_table = "price_changes"

    def __str__(self) -> str:
        changed = "all" if self.event_ids is None else len(self.event_ids)
        return f"version {self.version}: prices of {changed} events"


class Producer(CasinoModel):
    """A source of prices, such as PREMATCH or LIVE; `code` is its bit in `Event.offered_by`.

    `is_down`: its latest message reported that it is down. `sends_heartbeats`: it has sent a heartbeat, and counts as
    silent without further ones.
    """

    code = models.SmallIntegerField(primary_key=True)
    name = models.TextField(unique=True)
    closed_by_hand = models.BooleanField(default=False, db_default=False)
    is_down = models.BooleanField(default=False, db_default=False)
    sends_heartbeats = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "producers"
        constraints = [models.CheckConstraint(name="producer_code_is_bit", condition=_IS_CODE)]

    def __str__(self) -> str:
        return self.name


class Feed(CasinoModel):
    """A producer's messages in one partition of the topic `odds`. `heard_at` is the sending time of the latest message.
    Prices as of before `valid_since` are closed until they are sent again. `beats` counts heartbeats."""

    pk = models.CompositePrimaryKey("producer", "partition")
    producer = models.SmallIntegerField()
    partition = models.IntegerField()
    heard_at = models.DateTimeField()
    valid_since = models.DateTimeField()
    beats = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "feeds"

    def __str__(self) -> str:
        return f"producer {self.producer}, partition {self.partition}"
