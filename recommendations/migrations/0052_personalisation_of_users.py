"""Users may refuse personalisation: then nothing that was learnt about them stays, until they allow it again."""

from datetime import UTC, datetime

from django.db import migrations, models

# The profile first: its lock is that of a transaction that merges the user's coupons, whose tallies are deleted then.
CREATE = """
CREATE FUNCTION forget_tallies_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE users_profile SET favorite_sport_league_json = NULL, pending_coupon_ids = '{}', needs_rebuild = true
    WHERE user_id = NEW.id;
    DELETE FROM user_tallies WHERE user_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER user_refuses_personalisation AFTER UPDATE OF personalisation ON users
FOR EACH ROW WHEN (OLD.personalisation AND NOT NEW.personalisation) EXECUTE FUNCTION forget_tallies_of_user();
"""
DROP = """
DROP TRIGGER user_refuses_personalisation ON users;
DROP FUNCTION forget_tallies_of_user();
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0051_end_of_restrictions")]

    operations = [
        migrations.AddField(
            model_name="user", name="personalisation", field=models.BooleanField(db_default=True, default=True)
        ),
        migrations.AddField(
            model_name="user",
            name="personalisation_as_of",
            field=models.DateTimeField(db_default=datetime(2000, 1, 1, tzinfo=UTC), editable=False),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
