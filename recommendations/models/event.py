"""Events, their teams, and the version of the offer."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from tenants.orm.model import CasinoModel

from .event_names import event_name
from .own_id import HasOwnId


class Team(CasinoModel):
    """A team: its name is unique within a sport, the competition's country and a category, empty if none was sent."""

    name = models.CharField(max_length=100)
    sport = models.CharField(max_length=50)
    country = models.CharField(max_length=100, default="", db_default="")
    category = models.CharField(max_length=100, blank=True, default="", db_default="")

    class Meta:
        db_table = "teams"
        constraints = [
            # also the index for finding a team by name when an event is stored
            models.UniqueConstraint(name="team_unique", fields=["name", "sport", "country", "category"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(part for part in (self.sport, self.country, self.category) if part)})"


class EventStatus(models.TextChoices):
    OPEN = "OPEN"
    LIVE = "LIVE"
    SUSPENDED = "SUSPENDED"
    CANCELLED = "CANCELLED"
    SETTLED = "SETTLED"


class Event(HasOwnId, CasinoModel):
    """A match, or a one-sided event (an outright, a race): then `home_team` is its name, `away_team` is empty, and
    `participants` has the known names. `id` is the casino's own if it sent one; otherwise `natural_key` identifies the
    event. `category` (WOMEN, U21, ..) is empty if none was sent, `country` and `league` if unknown.

    `timestamp` is the time of the casino's message; null, if unknown, counts as earlier than any other. `status_as_of`,
    `odd_as_of` and `begin_timestamp_as_of` are the times of the latest messages with a status, with an odd, and with a
    begin or an end; null, in events of earlier releases, means `timestamp`. `stored_at` is the time of the event's
    first message; null for events stored before this column existed.

    With `end_is_estimated`, no message contained the end: it is the sport's usual duration after the begin.

    `is_withheld`: as of `odd_as_of`, a message had no usable odd or could not be read. An event with an `odd` of null
    (no message has contained an odd) is withheld too. `lacks_odd`: withheld only because of its odd, so that its
    markets can be bet on. `offered_by` has the bits of the producers with an open price for one of the event's markets;
    null for an event that never had markets, whose own `odd` counts. Only open and live events that are not withheld
    can be bet on; a live one has begun even before its `begin_timestamp`. With `start_time_tbd`, only the day of the
    begin is known. `same_match_ids` has the ids of other events of the same match; null if there are none.
    """

    country = models.CharField(max_length=100, blank=True)
    begin_timestamp = models.DateTimeField()
    end_timestamp = models.DateTimeField()
    end_is_estimated = models.BooleanField(default=False, db_default=False)
    league = models.CharField(max_length=100, blank=True)
    sport = models.CharField(max_length=50)
    start_time_tbd = models.BooleanField(default=False, db_default=False)
    odd = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    home_team = models.CharField(max_length=100)
    away_team = models.CharField(max_length=100, blank=True)
    participants = ArrayField(models.CharField(max_length=100), null=True)
    category = models.CharField(max_length=100, blank=True, default="", db_default="")
    status = models.CharField(
        max_length=10, choices=EventStatus.choices, default=EventStatus.OPEN, db_default=EventStatus.OPEN
    )
    timestamp = models.DateTimeField(null=True)
    is_withheld = models.BooleanField(default=False, db_default=False)
    lacks_odd = models.BooleanField(default=False, db_default=False, editable=False)
    offered_by = models.IntegerField(null=True, editable=False)
    status_as_of = models.DateTimeField(null=True, editable=False)
    odd_as_of = models.DateTimeField(null=True, editable=False)
    begin_timestamp_as_of = models.DateTimeField(null=True, editable=False)
    stored_at = models.DateTimeField(null=True, db_default=Now(), editable=False)
    natural_key = models.UUIDField(null=True, unique=True, editable=False)
    same_match_ids = ArrayField(models.BigIntegerField(), null=True, editable=False)
    teams = models.ManyToManyField(Team, through="EventTeam", related_name="events")

    class Meta:
        db_table = "events"
        constraints = [
            models.CheckConstraint(name="event_id_positive", condition=Q(id__gt=0)),
            models.CheckConstraint(name="event_odd_above_one", condition=Q(odd__gt=1)),
            models.CheckConstraint(
                name="event_without_odd_is_withheld", condition=Q(odd__isnull=False) | Q(is_withheld=True)
            ),
            models.CheckConstraint(
                name="event_begins_before_it_ends", condition=Q(begin_timestamp__lt=F("end_timestamp"))
            ),
            models.CheckConstraint(name="event_teams_differ", condition=~Q(home_team=F("away_team"))),
        ]
        indexes = [
            # the offer: events that have not begun; also the admin's list by time
            models.Index(name="event_begin", fields=["begin_timestamp", "id"]),
            # the offer's events whose start time is to be confirmed
            models.Index(name="event_start_time_tbd", fields=["end_timestamp"], condition=Q(start_time_tbd=True)),
            # other events of the same match, and stored events of a fixture without an id
            models.Index(name="event_match", fields=["home_team", "away_team", "begin_timestamp"]),
        ]

    def __str__(self) -> str:
        return event_name(self.home_team, self.away_team)


class EventTeam(CasinoModel):
    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)

    class Meta:
        db_table = "event_teams"
        constraints = [models.UniqueConstraint(name="event_team_unique", fields=["event", "team"])]

    def __str__(self) -> str:
        return f"event {self.event_id}, team {self.team_id}"


class OfferVersion(CasinoModel):
    """One row, incremented by a trigger with every statement that changes events, from Django, psql or elsewhere.

    Its row lock serializes the transactions that change events, so that a reader of a version sees all changes up to
    it. The numbers come from a sequence, so that none is used twice, even after a rollback; the lower 24 bits are
    random, since a restored database repeats its sequence.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField()

    class Meta:
        db_table = "offer_version"
        constraints = [models.CheckConstraint(name="offer_version_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.version)


class OfferChange(CasinoModel):
    """The changes of one version of the offer since the previous one, recorded by the trigger that incremented it.

    `event_ids` are the events inserted, deleted, or updated in more than their times; null means any event. Only the
    latest versions are stored.
    """

    version = models.BigIntegerField(primary_key=True)
    event_ids = ArrayField(models.BigIntegerField(), null=True)

    class Meta:
        db_table = "offer_changes"

    def __str__(self) -> str:
        changed = "all" if self.event_ids is None else len(self.event_ids)
        return f"version {self.version}: {changed} events"
