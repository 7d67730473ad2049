"""The offer has the participants of one-sided events."""

from importlib import import_module
from typing import Any

from django.db import migrations

before: Any = import_module("recommendations.migrations.0031_same_matches")
NAMED = "json_agg(json_build_array(id, participants)) FILTER (WHERE participants IS NOT NULL AND away_team = '')"
# Under new names: processes of an earlier release go on with theirs.
READ = (
    before.READ.replace(
        before.COLUMNS.format(begin=before.BEGIN), f"{before.COLUMNS.format(begin=before.BEGIN)}, {NAMED}"
    )
    .replace("linked_events", "offered_events")
    .replace("linked_changes_since", "offered_changes_since")
)
FORGET = before.FORGET.replace("linked_events", "offered_events").replace(
    "linked_changes_since", "offered_changes_since"
)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0040_events_of_few_fields")]

    operations = [migrations.RunSQL(READ, FORGET)]
