"""Markets of events with lines, outcomes and prices; the producers and feeds that they come from; a version of the
prices; and the offer's functions with the producers that offer each event."""

from importlib import import_module
from typing import Any

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

before: Any = import_module("recommendations.migrations.0041_participants_in_the_offer")

# Half of each page stays free for the next versions of its rows: an update then stays in the page, and changes no index
# (HOT), even where all markets of a page's events change at once.
STORAGE = "ALTER TABLE markets SET (fillfactor = 50)"

VERSION = """
CREATE SEQUENCE price_version_seq;

INSERT INTO price_version (id, version) VALUES (1, 0);

-- The row stays locked until the transaction ends: versions become visible in the order of their numbers, and so do the
-- ids of market lines.
CREATE FUNCTION lock_prices() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM price_version WHERE id = 1 FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO price_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
        PERFORM FROM price_version WHERE id = 1 FOR UPDATE;
    END IF;
END $$;

CREATE FUNCTION queue_for_price_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_prices();
    RETURN NULL;
END $$;

CREATE FUNCTION note_price_change(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    raised bigint;
BEGIN
    PERFORM lock_prices();
    -- The lower 24 bits are random: a database that was set back gives its numbers again.
    UPDATE price_version SET version = (nextval('price_version_seq') << 24) | floor(random() * 16777216)::bigint
        WHERE id = 1 RETURNING version INTO raised;
    INSERT INTO price_changes (version, event_ids) VALUES (raised, CASE WHEN cardinality(ids) <= 5000 THEN ids END)
        ON CONFLICT (version) DO UPDATE SET event_ids = NULL;
    IF (raised >> 24) % 256 = 0 THEN
        DELETE FROM price_changes WHERE version < ((raised >> 24) - 1999) << 24;
    END IF;
END $$;

CREATE FUNCTION raise_price_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_price_change(NULL);
    RETURN NULL;
END $$;

CREATE FUNCTION raise_price_version_if_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[] := (SELECT array_agg(DISTINCT event_id) FROM changed);
BEGIN
    IF ids IS NOT NULL THEN
        PERFORM note_price_change(ids);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION raise_price_version_of_updated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[] := (
        SELECT array_agg(event_id) FROM (SELECT event_id FROM before UNION SELECT event_id FROM after) AS changed
    );
BEGIN
    IF ids IS NOT NULL THEN
        PERFORM note_price_change(ids);
    END IF;
    RETURN NULL;
END $$;

-- Before the statement locks any market: all who change markets then queue in one place, and can't deadlock.
CREATE TRIGGER markets_queue_for_price_version BEFORE INSERT OR UPDATE OR DELETE ON markets
    FOR EACH STATEMENT EXECUTE FUNCTION queue_for_price_version();
CREATE TRIGGER markets_inserted AFTER INSERT ON markets REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION raise_price_version_if_rows();
CREATE TRIGGER markets_deleted AFTER DELETE ON markets REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION raise_price_version_if_rows();
CREATE TRIGGER markets_updated AFTER UPDATE ON markets REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION raise_price_version_of_updated();
-- After, since the same TRUNCATE may empty price_version.
CREATE TRIGGER markets_truncated AFTER TRUNCATE ON markets
    FOR EACH STATEMENT EXECUTE FUNCTION raise_price_version();
"""

FORGET_VERSION = """
DROP TRIGGER markets_queue_for_price_version ON markets;
DROP TRIGGER markets_inserted ON markets;
DROP TRIGGER markets_deleted ON markets;
DROP TRIGGER markets_updated ON markets;
DROP TRIGGER markets_truncated ON markets;
DROP FUNCTION queue_for_price_version();
DROP FUNCTION raise_price_version();
DROP FUNCTION raise_price_version_if_rows();
DROP FUNCTION raise_price_version_of_updated();
DROP FUNCTION note_price_change(bigint[]);
DROP FUNCTION lock_prices();
DROP SEQUENCE price_version_seq;
"""

# An event whose own odd is of no use is offered for its markets; the odd is then null.
IS_OPEN = "(NOT is_withheld OR lacks_odd AND offered_by IS NOT NULL)"
ODD = "json_agg(CASE WHEN NOT is_withheld THEN odd END)"
OFFERED_BY = "json_agg(json_build_array(id, offered_by)) FILTER (WHERE offered_by IS NOT NULL)"
# Under new names: processes of an earlier release go on with theirs.
READ = (
    before.READ.replace(before.NAMED, f"{before.NAMED}, {OFFERED_BY}")
    .replace("NOT is_withheld", IS_OPEN)
    .replace("json_agg(odd)", ODD)
    .replace("offered_events", "offered_events_2")
    .replace("offered_changes_since", "offered_changes_since_2")
)
FORGET = """
DROP FUNCTION offered_events_2(timestamptz);
DROP FUNCTION offered_changes_since_2(bigint, timestamptz);
"""

TABLES = [
    migrations.CreateModel(
        "MarketLine",
        [
            ("id", models.AutoField(primary_key=True, serialize=False)),
            ("market", models.TextField()),
            ("line", models.TextField(blank=True, db_default="", default="")),
            ("outcomes", django.contrib.postgres.fields.ArrayField(models.TextField(), size=None)),
        ],
        {
            "db_table": "market_lines",
            "constraints": [models.UniqueConstraint(fields=("market", "line", "outcomes"), name="market_line_unique")],
        },
    ),
    migrations.CreateModel(
        "Market",
        [
            (
                "pk",
                models.CompositePrimaryKey(
                    "event_id", "line_id", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("event_id", models.BigIntegerField()),
            ("line_id", models.IntegerField()),
            ("producer", models.SmallIntegerField()),
            (
                "status",
                models.TextField(
                    choices=[
                        ("open", "Open"),
                        ("suspended", "Suspended"),
                        ("closed", "Closed"),
                        ("settled", "Settled"),
                        ("cancelled", "Cancelled"),
                    ]
                ),
            ),
            ("as_of", models.DateTimeField()),
            ("odds", django.contrib.postgres.fields.ArrayField(models.IntegerField(), size=None)),
        ],
        {
            "db_table": "markets",
            "constraints": [
                models.CheckConstraint(
                    condition=Q(status__in=["open", "suspended", "closed", "settled", "cancelled"]),
                    name="market_status_known",
                ),
                models.CheckConstraint(condition=Q(producer__gte=0, producer__lt=30), name="market_producer_is_code"),
            ],
        },
    ),
    migrations.CreateModel(
        "PriceVersion",
        [
            ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
            ("version", models.BigIntegerField()),
        ],
        {
            "db_table": "price_version",
            "constraints": [models.CheckConstraint(condition=Q(id=1), name="price_version_one_row")],
        },
    ),
    migrations.CreateModel(
        "PriceChange",
        [
            ("version", models.BigIntegerField(primary_key=True, serialize=False)),
            (
                "event_ids",
                django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), null=True, size=None),
            ),
        ],
        {"db_table": "price_changes"},
    ),
    migrations.CreateModel(
        "Producer",
        [
            ("code", models.SmallIntegerField(primary_key=True, serialize=False)),
            ("name", models.TextField(unique=True)),
            ("closed_by_hand", models.BooleanField(db_default=False, default=False)),
            ("is_down", models.BooleanField(db_default=False, default=False)),
            ("sends_heartbeats", models.BooleanField(db_default=False, default=False)),
        ],
        {
            "db_table": "producers",
            "constraints": [models.CheckConstraint(condition=Q(code__gte=0, code__lt=30), name="producer_code_is_bit")],
        },
    ),
    migrations.CreateModel(
        "Feed",
        [
            (
                "pk",
                models.CompositePrimaryKey(
                    "producer", "partition", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("producer", models.SmallIntegerField()),
            ("partition", models.IntegerField()),
            ("heard_at", models.DateTimeField()),
            ("valid_since", models.DateTimeField()),
            ("beats", models.BigIntegerField(db_default=0, default=0)),
        ],
        {"db_table": "feeds"},
    ),
]


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0041_participants_in_the_offer")]

    operations = [
        *TABLES,
        migrations.AddField("Event", "lacks_odd", models.BooleanField(db_default=False, default=False, editable=False)),
        migrations.AddField("Event", "offered_by", models.IntegerField(editable=False, null=True)),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(VERSION, FORGET_VERSION),
        migrations.RunSQL(READ, FORGET),
    ]
