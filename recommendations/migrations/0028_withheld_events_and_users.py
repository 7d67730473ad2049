"""Events and users can be withheld: of the latest message about them, what closes or restricts could not be read. The
odd and the times of an event get times of their own, since a message may leave them out. Null, in the rows of earlier
releases, is the row's timestamp."""

from django.db import migrations, models

# As before, but for the new times, whose changes the offer does not show.
REPLACE = """
CREATE OR REPLACE FUNCTION raise_offer_version_if_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    times text[] := ARRAY['timestamp', 'status_as_of', 'odd_as_of', 'begin_timestamp_as_of'];
    -- where an id was changed, both: neither finds its other half
    ids bigint[] := (
        SELECT array_agg(id) FROM before FULL JOIN after USING (id)
        WHERE to_jsonb(before) - times IS DISTINCT FROM to_jsonb(after) - times
    );
BEGIN
    IF ids IS NOT NULL THEN
        PERFORM note_offer_change(ids);
    END IF;
    RETURN NULL;
END $$;
"""
RESTORE = REPLACE.replace(", 'odd_as_of', 'begin_timestamp_as_of'", "")

# Consumers of the release before, which run beside this one's during an upgrade, move an odd and the row's timestamp,
# but not the odd's own time: then a trigger does, as for statuses.
TRIGGER = """
CREATE FUNCTION note_time_of_{first}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.{first}_as_of := NEW.timestamp;
    RETURN NEW;
END $$;
CREATE TRIGGER events_note_time_of_{first} BEFORE UPDATE ON events FOR EACH ROW WHEN (
    NEW.{first}_as_of = OLD.{first}_as_of
    AND ({new}) IS DISTINCT FROM ({old})
    AND COALESCE(NEW.timestamp > OLD.timestamp, NEW.timestamp IS NOT NULL)
) EXECUTE FUNCTION note_time_of_{first}();
"""
DROP_TRIGGER = """
DROP TRIGGER events_note_time_of_{first} ON events;
DROP FUNCTION note_time_of_{first}();
"""

# Reversed, what is withheld has a status instead: the release before would recommend the event, or show the user bets.
CLOSE_WITHHELD = """
UPDATE events SET status = 'SUSPENDED', status_as_of = GREATEST(status_as_of, odd_as_of)
WHERE is_withheld AND status IN ('OPEN', 'LIVE');
UPDATE users SET status = 'CLOSED', status_until = NULL, status_as_of = GREATEST(status_as_of, is_withheld_as_of)
WHERE is_withheld AND status <> 'CLOSED' AND (status = 'ACTIVE' OR status_until IS NOT NULL);
"""


def _trigger(first: str, *others: str) -> migrations.RunSQL:
    new, old = (", ".join(f"{row}.{column}" for column in (first, *others)) for row in ("NEW", "OLD"))
    return migrations.RunSQL(TRIGGER.format(first=first, new=new, old=old), DROP_TRIGGER.format(first=first))


def _flag(model: str) -> migrations.AddField:
    return migrations.AddField(model, "is_withheld", models.BooleanField(db_default=False, default=False))


def _time(model: str, column: str) -> migrations.AddField:
    return migrations.AddField(model, f"{column}_as_of", models.DateTimeField(editable=False, null=True))


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0027_coupons_read_in_part")]

    operations = [
        _flag("event"),
        _flag("user"),
        _time("event", "odd"),
        _time("event", "begin_timestamp"),
        _time("user", "is_withheld"),
        _trigger("odd"),
        _trigger("begin_timestamp", "end_timestamp"),
        migrations.RunSQL(REPLACE, RESTORE),
        migrations.RunSQL(migrations.RunSQL.noop, CLOSE_WITHHELD),
    ]
