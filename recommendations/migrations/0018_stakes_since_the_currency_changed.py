"""Store the time of a currency change: earlier stakes don't count for the user's usual stake."""

from django.db import migrations, models

CREATE = """
CREATE FUNCTION note_change_of_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- the time that the casino's message names; a change by hand leaves that as it was
    NEW.currency_since := CASE WHEN NEW.timestamp IS DISTINCT FROM OLD.timestamp THEN NEW.timestamp ELSE now() END;
    RETURN NEW;
END
$$;
CREATE TRIGGER user_changes_currency BEFORE UPDATE OF currency ON users
FOR EACH ROW WHEN (OLD.currency IS DISTINCT FROM NEW.currency) EXECUTE FUNCTION note_change_of_currency();
"""
DROP = """
DROP TRIGGER user_changes_currency ON users;
DROP FUNCTION note_change_of_currency();
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0017_erased_users")]

    operations = [
        migrations.AddField(
            model_name="user", name="currency_since", field=models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
