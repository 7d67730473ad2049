"""Record the events that each version of the offer changed: a reader of one version reads only later changes."""

import django.contrib.postgres.fields
from django.db import migrations, models

# A running statement might continue with the triggers' other functions.
WAIT_FOR_WRITERS = "LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;"

NOTE_CHANGES = """
CREATE FUNCTION note_offer_change(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    raised bigint;
BEGIN
    INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
    UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1 RETURNING version INTO raised;
    -- A number comes again only where the sequence was set back by hand: even then events can be stored.
    INSERT INTO offer_changes (version, event_ids) VALUES (raised, CASE WHEN cardinality(ids) <= 5000 THEN ids END)
        ON CONFLICT (version) DO UPDATE SET event_ids = NULL;
    IF raised % 256 = 0 THEN
        DELETE FROM offer_changes WHERE version <= raised - 2000;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION raise_offer_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_offer_change(NULL);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION raise_offer_version_if_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[] := (SELECT array_agg(id) FROM changed);
BEGIN
    IF ids IS NOT NULL THEN
        PERFORM note_offer_change(ids);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION raise_offer_version_if_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- where an id was changed, both: neither finds its other half
    ids bigint[] := (
        SELECT array_agg(id) FROM before FULL JOIN after USING (id)
        WHERE to_jsonb(before) - 'timestamp' IS DISTINCT FROM to_jsonb(after) - 'timestamp'
    );
BEGIN
    IF ids IS NOT NULL THEN
        PERFORM note_offer_change(ids);
    END IF;
    RETURN NULL;
END $$;
"""

FORGET_CHANGES = """
CREATE OR REPLACE FUNCTION raise_offer_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
    UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION raise_offer_version_if_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed) THEN
        UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION raise_offer_version_if_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT to_jsonb(after) - 'timestamp' FROM after EXCEPT SELECT to_jsonb(before) - 'timestamp' FROM before
    ) THEN
        UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    END IF;
    RETURN NULL;
END $$;

DROP FUNCTION note_offer_change(bigint[]);
"""

# Open events that are not over, sorted by id, as one JSON array of columns: reading 100,000 takes 0.8 of the time of
# rows, and each connection plans the query once. Times are Unix seconds.
COLUMNS = """
json_agg(id), json_agg(extract(epoch FROM begin_timestamp)), json_agg(extract(epoch FROM end_timestamp)),
        json_agg(odd), json_agg(sport), json_agg(league), json_agg(country), json_agg(home_team), json_agg(away_team)
"""
OPEN_EVENTS = "SELECT * FROM events WHERE status = 'OPEN' AND end_timestamp > at"

# STABLE: the function reads in the snapshot of the calling statement.
READ_CHANGES = f"""
CREATE FUNCTION offer_events(at timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_array(NULL, {COLUMNS.strip()})
        FROM ({OPEN_EVENTS} ORDER BY id) AS open_events);
END $$;

CREATE FUNCTION offer_changes_since(known bigint, at timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    latest bigint := (SELECT version FROM offer_version WHERE id = 1);
    changed bigint[];
BEGIN
    IF latest = known THEN
        RETURN NULL;
    END IF;
    -- A version that was rolled back, pruned, or raised without a note is not there.
    IF (SELECT count(*) FROM offer_changes WHERE version = known AND version < latest OR version = latest) < 2 THEN
        RETURN 'reload';
    END IF;
    IF (SELECT sum(COALESCE(cardinality(event_ids), 20001)) FROM offer_changes WHERE version > known) > 20000 THEN
        RETURN 'reload';
    END IF;
    changed := (SELECT array_agg(DISTINCT id) FROM offer_changes, unnest(event_ids) AS id WHERE version > known);
    RETURN (SELECT json_build_array(to_json(changed), {COLUMNS.strip()})
        FROM ({OPEN_EVENTS} AND id = ANY(changed) ORDER BY id) AS changed_events);
END $$;
"""  # noqa: S608 (constants of this module)

FORGET_READING = f"""
{WAIT_FOR_WRITERS}
DROP FUNCTION offer_events(timestamptz);
DROP FUNCTION offer_changes_since(bigint, timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0007_room_in_profiles")]

    operations = [
        migrations.RunSQL(WAIT_FOR_WRITERS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="OfferChange",
            fields=[
                ("version", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "event_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), null=True, size=None
                    ),
                ),
            ],
            options={
                "db_table": "offer_changes",
            },
        ),
        migrations.RunSQL(NOTE_CHANGES, FORGET_CHANGES),
        migrations.RunSQL(READ_CHANGES, FORGET_READING),
    ]
