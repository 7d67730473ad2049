"""Plans the missing migrations of a database: computed once, applied to thousands of casinos.

Django computes the states of all models for each database, which takes longer than the statements. But the states
depend only on the applied migrations, and most casinos have the same ones.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django.db.transaction import atomic

Key = tuple[str, str]  # app, migration

_MAX_PLANS = 16  # few plans: most casinos have the same migrations, and states of models are large


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """A migration, and each of its operations with the states of all models before and after it."""

    migration: Migration
    operations: tuple[tuple[Any, ProjectState, ProjectState], ...]

    def apply(self, connection: BaseDatabaseWrapper) -> None:
        """Apply the migration and record it in one transaction, after deferred statements such as those of indexes.
        Django's executor records such a migration later: a kill in between leaves one that always fails."""
        with connection.schema_editor(atomic=self.migration.atomic) as editor:
            for operation, before, after in self.operations:
                self._run(operation, editor, before, after)
            for statement in editor.deferred_sql:
                editor.execute(statement, None)
            editor.deferred_sql.clear()
            self._record(connection)

    def _run(self, operation: Any, editor: Any, before: ProjectState, after: ProjectState) -> None:
        is_atomic = operation.atomic or (self.migration.atomic and operation.atomic is not False)
        if not editor.atomic_migration and is_atomic:
            with atomic(editor.connection.alias):
                operation.database_forwards(self.migration.app_label, editor, before, after)
        else:
            operation.database_forwards(self.migration.app_label, editor, before, after)

    def _record(self, connection: BaseDatabaseWrapper) -> None:
        record(connection, self.migration.replaces or [key_of(self.migration)])


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """The steps, and the squashed migrations whose parts are all applied after them."""

    steps: tuple[MigrationStep, ...]
    replacements: tuple[Key, ...]


def plan_for(connection: BaseDatabaseWrapper, applied: frozenset[Key]) -> MigrationPlan:
    """The plan for this database, and for any other with the same `applied` migrations.

    Raises InconsistentMigrationHistory if a migration is applied before one that it depends on.
    """
    plans = _plans()
    key = (applied, repr(settings.CASINO_APPS), repr(settings.MIGRATION_MODULES))
    if key not in plans:
        if len(plans) >= _MAX_PLANS:
            plans.clear()
        plans[key] = _compute_plan(connection)
    return plans[key]


def forget_plans() -> None:
    """Clear the cached plans: the states of a failed step may be half changed."""
    _plans().clear()


def key_of(migration: Migration) -> Key:
    return migration.app_label, migration.name


def record(connection: BaseDatabaseWrapper, keys: Iterable[Key]) -> None:
    rows = MigrationRecorder(connection).migration_qs
    for app, name in keys:
        rows.create(app=app, name=name)


_local = threading.local()  # an operation may change a state temporarily


def _plans() -> dict[Any, MigrationPlan]:
    plans: dict[Any, MigrationPlan] = _local.__dict__.setdefault("plans", {})
    return plans


def _compute_plan(connection: BaseDatabaseWrapper) -> MigrationPlan:
    executor = MigrationExecutor(connection)
    loader = executor.loader
    loader.check_consistent_history(connection)
    targets = [node for node in loader.graph.leaf_nodes() if node[0] in settings.CASINO_APPS]
    missing = {migration for migration, _ in executor.migration_plan(targets)}
    in_order = [each for each, _ in executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True)]
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for migration in in_order:
        if key_of(migration) in loader.applied_migrations:
            migration.mutate_state(state, preserve=False)
    steps = _steps([migration for migration in in_order if migration in missing], state)
    return MigrationPlan(steps, _replacements(executor, steps))


def _steps(migrations: list[Migration], state: ProjectState) -> tuple[MigrationStep, ...]:
    _ = state.apps  # renders all models now, and later only the changed ones
    steps = []
    for migration in migrations:
        operations = []
        for operation in migration.operations:
            before, state = state, state.clone()
            operation.state_forwards(migration.app_label, state)
            operations.append((operation, before, state))
        steps.append(MigrationStep(migration, tuple(operations)))
    return tuple(steps)


def _replacements(executor: MigrationExecutor, steps: tuple[MigrationStep, ...]) -> tuple[Key, ...]:
    """The squashed migrations whose parts are all applied, to be recorded too, as by Django's `check_replacements`."""
    recorded = set(executor.recorder.applied_migrations())
    for step in steps:
        recorded.update(step.migration.replaces or [key_of(step.migration)])
    squashed = executor.loader.replacements.items()
    return tuple(key for key, each in squashed if key not in recorded and recorded.issuperset(each.replaces))
