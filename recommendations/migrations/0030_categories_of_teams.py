"""Teams of one name in two countries or categories are two teams, and events may have a category."""

from django.db import migrations, models

# A running statement might continue without the teams of events that it stores.
WAIT_FOR_WRITERS = "LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;"

# Each team becomes that of one of its events' countries, so that its id stays; the other countries' are added.
SPLIT = """
UPDATE teams SET country = played.country FROM (
    SELECT team_id, min(country) AS country
    FROM event_teams JOIN events ON events.id = event_teams.event_id GROUP BY team_id
) AS played WHERE played.team_id = teams.id;
INSERT INTO teams (name, sport, country)
SELECT DISTINCT teams.name, teams.sport, events.country
FROM event_teams JOIN events ON events.id = event_teams.event_id JOIN teams ON teams.id = event_teams.team_id
ON CONFLICT (name, sport, country, category) DO NOTHING;
UPDATE event_teams SET team_id = own.id FROM events, teams AS stored, teams AS own
WHERE events.id = event_teams.event_id AND stored.id = event_teams.team_id AND stored.country <> events.country
    AND (own.name, own.sport, own.country, own.category) = (stored.name, stored.sport, events.country, '');
SET CONSTRAINTS ALL IMMEDIATE;
"""
MERGE = """
UPDATE event_teams SET team_id = first.id FROM teams AS stored, (
    SELECT name, sport, min(id) AS id FROM teams GROUP BY name, sport
) AS first
WHERE stored.id = event_teams.team_id AND first.name = stored.name AND first.sport = stored.sport;
DELETE FROM teams USING teams AS first
WHERE first.name = teams.name AND first.sport = teams.sport AND first.id < teams.id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


def _text() -> models.CharField:  # type: ignore[type-arg]
    return models.CharField(blank=True, db_default="", default="", max_length=100)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0029_offer_of_live_and_withheld_events")]

    operations = [
        migrations.RunSQL(WAIT_FOR_WRITERS, migrations.RunSQL.noop),
        migrations.AddField("Event", "category", _text()),
        migrations.AddField("Team", "country", models.CharField(db_default="", default="", max_length=100)),
        migrations.AddField("Team", "category", _text()),
        migrations.RemoveConstraint("Team", "team_name_sport_unique"),
        migrations.RunSQL(migrations.RunSQL.noop, MERGE),
        migrations.AddConstraint(
            "Team", models.UniqueConstraint(name="team_unique", fields=["name", "sport", "country", "category"])
        ),
        migrations.RunSQL(SPLIT, migrations.RunSQL.noop),
    ]
