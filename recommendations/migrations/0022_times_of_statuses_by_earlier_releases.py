"""Consumers of an earlier release, which run beside those of this one during an upgrade or after a rollback, move a
status and the row's timestamp, but not the time of the status: then a trigger does. Else older messages would replace
that status.

This release's own statements move the time themselves, so the trigger has no effect on them: those that keep it either
keep the values too, or drop a birth date that contradicts the year.
"""

from django.db import migrations

_TIMED = (
    ("events", ("status",)),
    ("users", ("status", "status_until")),
    ("users", ("birth_date",)),
    ("users", ("stake_limit",)),
    ("users", ("limit_left",)),
)

_FUNCTION = """
CREATE FUNCTION note_time_of_{first}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.{first}_as_of := NEW.timestamp;
    RETURN NEW;
END $$;
"""
# A null time needs no change: it means the row's timestamp.
_TRIGGER = """
CREATE TRIGGER {table}_note_time_of_{first} BEFORE UPDATE ON {table} FOR EACH ROW WHEN (
    NEW.{first}_as_of = OLD.{first}_as_of
    AND ({new}) IS DISTINCT FROM ({old})
    AND COALESCE(NEW.timestamp > OLD.timestamp, NEW.timestamp IS NOT NULL){unless}
) EXECUTE FUNCTION note_time_of_{first}();
"""
_UNLESS = {"birth_date": "\n    AND NEW.birth_date IS NOT NULL"}


def _trigger(table: str, columns: tuple[str, ...]) -> str:
    first = columns[0]
    new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD"))
    return _TRIGGER.format(table=table, first=first, new=new, old=old, unless=_UNLESS.get(first, ""))


_FIRST = tuple(dict.fromkeys(columns[0] for _, columns in _TIMED))
CREATE = "".join(
    [*(_FUNCTION.format(first=first) for first in _FIRST), *(_trigger(table, columns) for table, columns in _TIMED)]
)
DROP = "".join(
    [
        *(f"DROP TRIGGER {table}_note_time_of_{columns[0]} ON {table};\n" for table, columns in _TIMED),
        *(f"DROP FUNCTION note_time_of_{first}();\n" for first in _FIRST),
    ]
)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0021_times_of_statuses")]

    operations = [migrations.RunSQL(CREATE, DROP)]
