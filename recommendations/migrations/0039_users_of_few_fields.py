"""A user may be stored of whom little is known: text that no message told is empty, and the birth year null."""

from typing import Any

from django.db import migrations, models

# A currency told for the first time changes none: the user's stakes were in it before.
REPLACE = """
DROP TRIGGER user_changes_currency ON users;
CREATE TRIGGER user_changes_currency BEFORE UPDATE OF currency ON users FOR EACH ROW
WHEN (OLD.currency <> '' AND OLD.currency IS DISTINCT FROM NEW.currency) EXECUTE FUNCTION note_change_of_currency();
"""
RESTORE = """
DROP TRIGGER user_changes_currency ON users;
CREATE TRIGGER user_changes_currency BEFORE UPDATE OF currency ON users FOR EACH ROW
WHEN (OLD.currency IS DISTINCT FROM NEW.currency) EXECUTE FUNCTION note_change_of_currency();
"""
# The release before knows no unknown age: a user born then gets no bets.
BORN_AT_LAST = "UPDATE users SET birth_year = 2100 WHERE birth_year IS NULL"
LENGTHS = {"name": 100, "surname": 100, "currency": 10, "country": 100, "gender": 20}
FAVORITES = {"favorite_sport": 50, "favorite_league": 100}


def _text(name: str, length: int, **changes: Any) -> migrations.AlterField:
    return migrations.AlterField(
        "user", name, models.CharField(blank=True, db_default="", max_length=length, **changes)
    )


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0038_amounts_validated")]

    operations = [
        *(_text(name, length, default="") for name, length in LENGTHS.items()),
        *(_text(name, length) for name, length in FAVORITES.items()),
        migrations.RunSQL(migrations.RunSQL.noop, BORN_AT_LAST),
        migrations.AlterField("user", "birth_year", models.SmallIntegerField(blank=True, null=True)),
        migrations.RunSQL(REPLACE, RESTORE),
    ]
