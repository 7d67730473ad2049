"""Store the time of a status, a birth date and a limit beside the time of the row: a message without them no longer
makes an older one stale that has them. Null, in the rows of earlier releases, is the row's timestamp."""

from django.db import migrations, models

# As before, but for the times, whose changes the offer does not show.
REPLACE = """
CREATE OR REPLACE FUNCTION raise_offer_version_if_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- where an id was changed, both: neither finds its other half
    ids bigint[] := (
        SELECT array_agg(id) FROM before FULL JOIN after USING (id)
        WHERE to_jsonb(before) - 'timestamp' - 'status_as_of'
            IS DISTINCT FROM to_jsonb(after) - 'timestamp' - 'status_as_of'
    );
BEGIN
    IF ids IS NOT NULL THEN
        PERFORM note_offer_change(ids);
    END IF;
    RETURN NULL;
END $$;
"""
RESTORE = REPLACE.replace(" - 'status_as_of'", "")


def _time(model: str, column: str) -> migrations.AddField:
    return migrations.AddField(model, f"{column}_as_of", models.DateTimeField(editable=False, null=True))


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0020_versions_of_the_offer_with_a_random_part")]

    operations = [
        _time("user", "status"),
        _time("user", "birth_date"),
        _time("user", "stake_limit"),
        _time("user", "limit_left"),
        _time("event", "status"),
        migrations.RunSQL(REPLACE, RESTORE),
    ]
