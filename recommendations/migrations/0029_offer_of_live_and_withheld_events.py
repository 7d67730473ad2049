"""The offer has live events too, which have begun when their message says so, and no withheld ones."""

from django.db import migrations, models

# A running statement might continue with the other function.
WAIT_FOR_WRITERS = "LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;"

BEFORE = ("extract(epoch FROM begin_timestamp)", "status = 'OPEN'")
AFTER = (
    "extract(epoch FROM CASE status WHEN 'LIVE' THEN LEAST(begin_timestamp, status_as_of, at) "
    "ELSE begin_timestamp END)",
    "status IN ('OPEN', 'LIVE') AND NOT is_withheld",
)

READ = """
CREATE OR REPLACE FUNCTION offer_events(at timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_array(NULL, {columns})
        FROM (SELECT * FROM events WHERE {is_open} AND end_timestamp > at ORDER BY id) AS open_events);
END $$;

CREATE OR REPLACE FUNCTION offer_changes_since(known bigint, at timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
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
    RETURN (SELECT json_build_array(to_json(changed), {columns})
        FROM (SELECT * FROM events WHERE {is_open} AND end_timestamp > at AND id = ANY(changed) ORDER BY id)
            AS changed_events);
END $$;
"""
COLUMNS = (
    "json_agg(id), json_agg({begin}), json_agg(extract(epoch FROM end_timestamp)), json_agg(odd), json_agg(sport), "
    "json_agg(league), json_agg(country), json_agg(home_team), json_agg(away_team)"
)


def _read(begin: str, is_open: str) -> str:
    return WAIT_FOR_WRITERS + READ.format(columns=COLUMNS.format(begin=begin), is_open=is_open)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0028_withheld_events_and_users")]

    operations = [
        migrations.AlterField(
            "event",
            "status",
            models.CharField(
                choices=[
                    ("OPEN", "Open"),
                    ("LIVE", "Live"),
                    ("SUSPENDED", "Suspended"),
                    ("CANCELLED", "Cancelled"),
                    ("SETTLED", "Settled"),
                ],
                db_default="OPEN",
                default="OPEN",
                max_length=10,
            ),
        ),
        migrations.RunSQL(_read(*AFTER), _read(*BEFORE)),
    ]
