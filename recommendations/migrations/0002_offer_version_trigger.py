"""Increment the offer's version with every statement that changes events, from Django, psql or elsewhere."""

from django.db import migrations

CREATE = """
CREATE SEQUENCE offer_version_seq;

CREATE FUNCTION raise_offer_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The row stays locked until the transaction ends. The number is drawn only when the lock is held, so that versions
    -- become visible in the order of their numbers.
    INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
    PERFORM 1 FROM offer_version WHERE id = 1 FOR UPDATE;
    UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    RETURN NULL;
END $$;

INSERT INTO offer_version (id, version) VALUES (1, nextval('offer_version_seq'));

-- Before the statement locks any event: all who change events then queue in one place, and can't deadlock.
CREATE TRIGGER events_raise_offer_version BEFORE INSERT OR UPDATE OR DELETE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION raise_offer_version();

-- After, since the same TRUNCATE may empty offer_version.
CREATE TRIGGER events_truncate_raises_offer_version AFTER TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION raise_offer_version();
"""

DROP = """
DROP TRIGGER events_raise_offer_version ON events;
DROP TRIGGER events_truncate_raises_offer_version ON events;
DROP FUNCTION raise_offer_version();
DELETE FROM offer_version;
DROP SEQUENCE offer_version_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
