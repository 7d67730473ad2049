"""Link events that are the same match under two ids; the offer has their ids, and categories of teams."""

from importlib import import_module
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

# A running statement might continue without linking the events that it stores.
WAIT_FOR_WRITERS = "LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;"

before: Any = import_module("recommendations.migrations.0029_offer_of_live_and_withheld_events")
COLUMNS = (
    f"{before.COLUMNS}, json_agg(category), "
    "json_agg(json_build_array(id, same_match_ids)) FILTER (WHERE same_match_ids IS NOT NULL)"
)
BEGIN, IS_OPEN = before.AFTER
# Under new names: processes of an earlier release go on with theirs.
READ = (
    before.READ.format(columns=COLUMNS.format(begin=BEGIN), is_open=IS_OPEN)
    .replace("offer_events", "linked_events")
    .replace("offer_changes_since", "linked_changes_since")
)
FORGET = """
DROP FUNCTION linked_events(timestamptz);
DROP FUNCTION linked_changes_since(bigint, timestamptz);
"""

# Those that are over link nothing that could be bet on.
LINK = """
UPDATE events SET same_match_ids = linked.ids FROM (
    SELECT own.id, array_agg(other.id ORDER BY other.id) AS ids FROM events AS own JOIN events AS other ON
        (own.sport, own.country, own.home_team, own.away_team)
        = (other.sport, other.country, other.home_team, other.away_team)
        AND other.begin_timestamp > own.begin_timestamp - interval '2 hours'
        AND other.begin_timestamp < own.begin_timestamp + interval '2 hours'
        AND own.id <> other.id
    WHERE own.end_timestamp > now() GROUP BY own.id
) AS linked WHERE events.id = linked.id;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0030_categories_of_teams")]

    operations = [
        migrations.RunSQL(WAIT_FOR_WRITERS, migrations.RunSQL.noop),
        migrations.AddField("Event", "same_match_ids", ArrayField(models.BigIntegerField(), editable=False, null=True)),
        migrations.AddIndex(
            "Event", models.Index(name="event_match", fields=["home_team", "away_team", "begin_timestamp"])
        ),
        migrations.RunSQL(LINK, migrations.RunSQL.noop),
        migrations.RunSQL(READ, FORGET),
    ]
