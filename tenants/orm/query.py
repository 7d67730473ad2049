"""Queries bound to one casino, which reject objects and queries of another.

Django compares databases in few places: an object of another casino would match by its key alone, and keys of two
casinos are often equal.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Model, sql

from tenants.current_casino import CATALOGUE
from tenants.errors import CasinoMismatch
from tenants.routing.context import find_current_casino


def refuse_foreign(value: object, alias: str | None) -> None:
    """Raises CasinoMismatch if `value` is a row of another database than `alias`."""
    if not isinstance(value, Model) or alias is None:
        return
    if value._state.db not in (None, alias):
        # not repr(value): it may load a deferred field, which calls this again
        name = f"{value._meta.label} {value.pk}"
        raise CasinoMismatch(f"{name} belongs to {value._state.db} and can't be used in {alias}.")


def require_reachable(alias: str) -> None:
    """Raises CasinoMismatch if `alias` is the catalogue's, or while another casino is current."""
    casino = find_current_casino()
    if alias == CATALOGUE:
        raise CasinoMismatch("A casino's rows are in its own database, not in the catalogue: use `use_casino(casino)`.")
    if casino is not None and casino.alias != alias:
        raise CasinoMismatch(f"{alias} can't be used while {casino.alias} is the current casino's database.")


class _BoundQuery(sql.Query):
    """Adds to a query the alias of the only database that may run it; None while the query is unbound."""

    casino_alias: str | None = None

    def check_query_object_type(self, value: Any, opts: Any, field: Any) -> None:
        super().check_query_object_type(value, opts, field)
        refuse_foreign(value, self.casino_alias)

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Django calls this when the query becomes a subquery of `query`."""
        self._refuse_other(query)
        return super().resolve_expression(query, *args, **kwargs)

    def combine(self, rhs: Any, connector: str) -> None:
        self._refuse_other(rhs)
        super().combine(rhs, connector)

    def split_exclude(self, filter_expr: Any, *args: Any) -> Any:
        """Django calls this for an `exclude` across a to-many relation, and builds a new subquery without this query's
        alias."""
        name, value = filter_expr
        values = [*value] if isinstance(value, list | tuple | set | Iterator) else [value]
        for each in values:
            refuse_foreign(each, self.casino_alias)
        self._refuse_other(getattr(value, "query", None))
        return super().split_exclude((name, values if isinstance(value, Iterator) else value), *args)

    def get_compiler(self, using: str | None = None, connection: Any = None, elide_empty: bool = True) -> Any:
        """Reject another database. Django makes all SQL here, also that of a pickled query or of a part of a union."""
        alias = using or (connection.alias if connection is not None else None)
        if None not in (alias, self.casino_alias) and alias != self.casino_alias:
            raise CasinoMismatch(f"A query made for {self.casino_alias} can't be run in {alias}.")
        return super().get_compiler(using, connection, elide_empty)

    def chain(self, klass: Any = None) -> Any:
        return super().chain(CasinoUpdateQuery if klass is sql.UpdateQuery else klass)

    def _refuse_other(self, query: Any) -> None:
        other = getattr(query, "casino_alias", None)
        if None not in (other, self.casino_alias) and other != self.casino_alias:
            raise CasinoMismatch(f"Queries of {self.casino_alias} and {other} can't be combined.")


class CasinoQuery(_BoundQuery):
    """The query of a CasinoQuerySet."""


class CasinoUpdateQuery(_BoundQuery, sql.UpdateQuery):
    """The query of its `update`."""
