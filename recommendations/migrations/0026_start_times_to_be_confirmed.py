"""Store whether only the day of an event's begin is known, and add these events' ids to what the offer's functions
return. Those functions stay as they are, for processes of the release before."""

from django.db import migrations, models

# In the snapshot of the calling statement. `columns` is null or the word 'reload' where no events were read.
CREATE = """
CREATE FUNCTION with_start_times_tbd(columns text, at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN columns NOT LIKE '[%' THEN columns ELSE left(columns, -1) || ', ' || COALESCE(
        (SELECT json_agg(id)::text FROM events WHERE start_time_tbd AND end_timestamp > at), 'null'
    ) || ']' END
$$;
"""
DROP = "DROP FUNCTION with_start_times_tbd(text, timestamptz);"


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0025_text_in_normal_form")]

    operations = [
        migrations.AddField("Event", "start_time_tbd", models.BooleanField(db_default=False, default=False)),
        migrations.AddIndex(
            "Event",
            models.Index(
                name="event_start_time_tbd", fields=["end_timestamp"], condition=models.Q(start_time_tbd=True)
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
