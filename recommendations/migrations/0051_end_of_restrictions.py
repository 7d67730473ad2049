"""Store until when a user was restricted: whoever was so in the last 90 days takes part in no experiment."""

from django.db import migrations, models

CREATE = """
CREATE FUNCTION note_end_of_restriction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a time-out or self-exclusion that was over before a message said so ended at its own time; greatest ignores null
    NEW.restricted_until := greatest(
        OLD.restricted_until,
        CASE OLD.status WHEN 'CLOSED' THEN now() ELSE least(now(), coalesce(OLD.status_until, now())) END
    );
    RETURN NEW;
END
$$;
CREATE TRIGGER user_restriction_ends BEFORE UPDATE OF status ON users
FOR EACH ROW WHEN (OLD.status <> 'ACTIVE' AND NEW.status = 'ACTIVE') EXECUTE FUNCTION note_end_of_restriction();
"""
DROP = """
DROP TRIGGER user_restriction_ends ON users;
DROP FUNCTION note_end_of_restriction();
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0049_impressions")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="restricted_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
