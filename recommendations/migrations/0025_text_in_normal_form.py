"""Bring stored text into its normal form, and with it the natural keys of rows without an id of the casino.

Rows that become one by their keys are merged: the latest one stays, with the strictest status, the latest birth date
and the lowest limits of all; coupons and served recommendations are those of the row that stays. Users whose coupons
change are marked for a rebuild of their profiles. Rows with an id of the casino are never merged, and erased users'
keys, hashes of names that are gone, stay. Rows of ASCII text do not change, but for the keys of users without an id,
which do not tell upper from lower case any more.

Other transactions that write to these tables wait. Reversed, nothing is done: the merged rows can't be told apart.
"""

import logging
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ._normal_form.coupons import bring_coupons, move_selections
from ._normal_form.database import Database
from ._normal_form.events import bring_events, bring_teams
from ._normal_form.tallies import bring_tallies
from ._normal_form.users import bring_users

logger = logging.getLogger(__name__)

_WAIT_FOR_WRITERS = (
    "LOCK TABLE users, events, teams, event_teams, purchased_coupons, waiting_coupons IN SHARE ROW EXCLUSIVE MODE"
)
_LISTED = 100  # ids in a line of the log


def bring_text(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    name = editor.connection.settings_dict["NAME"]
    database = Database(editor.connection)
    database.run(_WAIT_FOR_WRITERS)
    users, odd_users, merged_users = bring_users(database)
    events, odd_events, merged_events = bring_events(database)
    changed = {"users": users, "events": events, "teams": bring_teams(database), "coupons": bring_coupons(database)}
    move_selections(database, merged_events)
    changed["casino_tallies"] = bring_tallies(database, merged_events)
    if counts := {what: count for what, count in changed.items() if count}:
        logger.info("%s: text in normal form, rows changed: %s", name, counts)
    _log(name, "users merged (gone: stays)", merged_users)
    _log(name, "events merged (gone: stays)", merged_events)
    _log(name, "users with text of invisible characters only, left as they are", odd_users)
    _log(name, "events without two teams once invisible characters are gone, suspended", odd_events)


def _log(name: str, what: str, ids: dict[int, int] | list[int]) -> None:
    if ids:
        listed = [f"{gone}: {kept}" for gone, kept in ids.items()] if isinstance(ids, dict) else list(map(str, ids))
        more = ", .." if len(ids) > _LISTED else ""
        logger.warning("%s: %d %s: %s%s", name, len(ids), what, ", ".join(listed[:_LISTED]), more)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0022_times_of_statuses_by_earlier_releases")]

    operations = [migrations.RunPython(bring_text, migrations.RunPython.noop)]
