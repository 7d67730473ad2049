"""The market lines that a version of the prices changed, so that a process reads these alone of the events it keeps."""

from importlib import import_module
from typing import Any

import django.contrib.postgres.fields
from django.db import migrations, models

before: Any = import_module("recommendations.migrations.0042_markets")

# Of a statement that changes more than 5,000 lines, the events alone are noted.
NOTE = """
CREATE FUNCTION note_price_change(events bigint[], lines integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    raised bigint;
    ids bigint[] := (SELECT array_agg(DISTINCT id) FROM unnest(events) AS id);
    are_few boolean := cardinality(lines) <= 5000;
BEGIN
    PERFORM lock_prices();
    -- The lower 24 bits are random: a database that was set back gives its numbers again.
    UPDATE price_version SET version = (nextval('price_version_seq') << 24) | floor(random() * 16777216)::bigint
        WHERE id = 1 RETURNING version INTO raised;
    INSERT INTO price_changes (version, event_ids, line_events, line_ids) VALUES (
        raised,
        CASE WHEN cardinality(ids) <= 5000 THEN ids END,
        CASE WHEN are_few THEN events END,
        CASE WHEN are_few THEN lines END
    ) ON CONFLICT (version) DO UPDATE SET event_ids = NULL;
    IF (raised >> 24) % 256 = 0 THEN
        DELETE FROM price_changes WHERE version < ((raised >> 24) - 1999) << 24;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION raise_price_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_price_change(NULL, NULL);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION raise_price_version_if_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    events bigint[];
    lines integer[];
BEGIN
    SELECT array_agg(event_id), array_agg(line_id) INTO events, lines FROM changed;
    IF events IS NOT NULL THEN
        PERFORM note_price_change(events, lines);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION raise_price_version_of_updated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    events bigint[];
    lines integer[];
BEGIN
    SELECT array_agg(event_id), array_agg(line_id) INTO events, lines
        FROM (SELECT event_id, line_id FROM before UNION SELECT event_id, line_id FROM after) AS changed;
    IF events IS NOT NULL THEN
        PERFORM note_price_change(events, lines);
    END IF;
    RETURN NULL;
END $$;

DROP FUNCTION note_price_change(bigint[]);
"""

# STABLE: the function reads in the snapshot of the calling statement. Use it with the ids that `price_changes_since`
# returns in the same statement: where these say to forget all prices, the lines are not complete. An event of a
# statement whose lines were not noted is left out.
READ = """
CREATE FUNCTION changed_price_lines(known bigint, wanted bigint[], at_most integer)
RETURNS TABLE (event_id bigint, line_id integer) LANGUAGE plpgsql STABLE ROWS 20 AS $$
DECLARE
    events bigint[];
    lines integer[];
BEGIN
    IF NOT EXISTS (SELECT FROM price_changes WHERE version = known)
        OR (SELECT sum(cardinality(line_ids)) FROM price_changes WHERE version > known) > 5000 THEN
        RETURN;
    END IF;
    SELECT array_agg(pairs.event), array_agg(pairs.line) INTO events, lines FROM (
        SELECT DISTINCT changed.event, changed.line
        FROM price_changes, unnest(line_events, line_ids) AS changed(event, line)
        WHERE version > known AND changed.event IN (SELECT unnest(wanted)) AND changed.event NOT IN (
            SELECT id FROM price_changes AS others, unnest(others.event_ids) AS id
            WHERE others.version > known AND others.line_ids IS NULL
        )
    ) AS pairs;
    IF cardinality(lines) <= at_most THEN
        RETURN QUERY SELECT * FROM unnest(events, lines);
    END IF;
END $$;
"""

_BEGIN, _END = "CREATE FUNCTION note_price_change", "-- Before the statement locks"
NOTE_EVENTS = before.VERSION[before.VERSION.index(_BEGIN) : before.VERSION.index(_END)].replace(
    "CREATE FUNCTION raise", "CREATE OR REPLACE FUNCTION raise"
)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0054_cheaper_notes")]

    operations = [
        migrations.AddField(
            "PriceChange", "line_events", django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), null=True)
        ),
        migrations.AddField(
            "PriceChange", "line_ids", django.contrib.postgres.fields.ArrayField(models.IntegerField(), null=True)
        ),
        migrations.RunSQL(NOTE, NOTE_EVENTS + "DROP FUNCTION note_price_change(bigint[], integer[]);"),
        migrations.RunSQL(READ, "DROP FUNCTION changed_price_lines(bigint, bigint[], integer)"),
    ]
