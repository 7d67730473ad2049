"""Give each version of the offer a random part: a number that comes again, after a database was set back (a failover to
a lagging replica, a recovery to a point in time), is another version for processes that have read the lost one."""

from django.db import migrations

# A running statement might continue with the other function.
WAIT_FOR_WRITERS = "LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;"

# The lower 24 bits are random, those above are the sequence's number.
RANDOM_PART = """
CREATE OR REPLACE FUNCTION note_offer_change(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    raised bigint;
BEGIN
    INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
    UPDATE offer_version SET version = (nextval('offer_version_seq') << 24) | floor(random() * 16777216)::bigint
        WHERE id = 1 RETURNING version INTO raised;
    INSERT INTO offer_changes (version, event_ids) VALUES (raised, CASE WHEN cardinality(ids) <= 5000 THEN ids END)
        ON CONFLICT (version) DO UPDATE SET event_ids = NULL;
    IF (raised >> 24) % 256 = 0 THEN
        DELETE FROM offer_changes WHERE version < ((raised >> 24) - 1999) << 24;
    END IF;
END $$;
"""

NUMBER_ONLY = """
CREATE OR REPLACE FUNCTION note_offer_change(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
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
"""

# The next version is greater than each before it. Unlike setval, this is rolled back with a migration that fails.
CONTINUE = """
DO $$ BEGIN
    EXECUTE format('ALTER SEQUENCE offer_version_seq RESTART WITH %s', (SELECT {next} FROM offer_version_seq));
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0019_how_long_answers_took")]

    operations = [
        migrations.RunSQL(
            WAIT_FOR_WRITERS + RANDOM_PART + CONTINUE.format(next="(last_value >> 24) + 1"),
            WAIT_FOR_WRITERS + NUMBER_ONLY + CONTINUE.format(next="(last_value + 1) << 24"),
        ),
    ]
