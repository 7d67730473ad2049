"""Increment the offer's version only if a statement changes the offer: not for unchanged rows, nor if only the
timestamp of an event's last message changes."""

from django.db import migrations

CREATE = """
CREATE FUNCTION queue_for_offer_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Before the statement locks any event: all who change events then queue in one place, and can't deadlock. The row
    -- stays locked until the transaction ends, so that versions become visible in the order of their numbers.
    INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
    PERFORM 1 FROM offer_version WHERE id = 1 FOR UPDATE;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION raise_offer_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
    UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    RETURN NULL;
END $$;

CREATE FUNCTION raise_offer_version_if_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed) THEN
        UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION raise_offer_version_if_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT to_jsonb(after) - 'timestamp' FROM after EXCEPT SELECT to_jsonb(before) - 'timestamp' FROM before
    ) THEN
        UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER events_raise_offer_version ON events;
CREATE TRIGGER events_queue_for_offer_version BEFORE INSERT OR UPDATE OR DELETE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION queue_for_offer_version();
CREATE TRIGGER events_inserted AFTER INSERT ON events REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION raise_offer_version_if_rows();
CREATE TRIGGER events_deleted AFTER DELETE ON events REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION raise_offer_version_if_rows();
CREATE TRIGGER events_updated AFTER UPDATE ON events REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION raise_offer_version_if_changed();
"""

DROP = """
DROP TRIGGER events_queue_for_offer_version ON events;
DROP TRIGGER events_inserted ON events;
DROP TRIGGER events_deleted ON events;
DROP TRIGGER events_updated ON events;
DROP FUNCTION queue_for_offer_version();
DROP FUNCTION raise_offer_version_if_rows();
DROP FUNCTION raise_offer_version_if_changed();

CREATE OR REPLACE FUNCTION raise_offer_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
    PERFORM 1 FROM offer_version WHERE id = 1 FOR UPDATE;
    UPDATE offer_version SET version = nextval('offer_version_seq') WHERE id = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER events_raise_offer_version BEFORE INSERT OR UPDATE OR DELETE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION raise_offer_version();
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0005_waiting_coupons_and_removed_rows")]

    operations = [migrations.RunSQL(CREATE, DROP)]
