"""The events whose prices changed since a version, for processes that keep prices of that version."""

from django.db import migrations

# STABLE: the function reads in the snapshot of the calling statement. -1 stands for: forget prices and market lines;
# 0 for: forget prices, since too many changed.
READ = """
CREATE FUNCTION price_changes_since(known bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    latest bigint := (SELECT version FROM price_version WHERE id = 1);
BEGIN
    IF latest = known THEN
        RETURN NULL;
    END IF;
    -- A version that was rolled back, pruned, lost with a failover, or raised without a note is not there.
    IF (SELECT count(*) FROM price_changes WHERE version = known AND version < latest OR version = latest) < 2
        OR EXISTS (SELECT FROM price_changes WHERE version > known AND event_ids IS NULL) THEN
        RETURN '{-1}';
    END IF;
    IF (SELECT sum(cardinality(event_ids)) FROM price_changes WHERE version > known) > 5000 THEN
        RETURN '{0}';
    END IF;
    RETURN (SELECT array_agg(DISTINCT id) FROM price_changes, unnest(event_ids) AS id WHERE version > known);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0043_market_stops")]

    operations = [migrations.RunSQL(READ, "DROP FUNCTION price_changes_since(bigint)")]
