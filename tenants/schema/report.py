"""Reports of `migrate_casinos`: the missing migrations before a run, the outcomes after it."""

from collections.abc import Sequence

import msgspec

from tenants.models import MigrationOutcome, MigrationRun, SchemaVersion
from tenants.models.casino import CatalogueQuerySet

from .fleet import TemplateFailure, behind
from .version import code_version, migrations_on_disk


class CasinoLacks(msgspec.Struct, frozen=True):
    """A casino that is behind; `lacks` is None if its schema version is unknown."""

    id: int
    name: str
    lacks: list[str] | None


class CasinoResult(msgspec.Struct, frozen=True):
    """One row of a run. `seconds` is None while it is pending."""

    id: int
    name: str
    outcome: str
    applied: list[str]
    error: str
    seconds: float | None


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """A run; `run` is None if none was needed. `seconds` is the duration of this call."""

    run: int | None
    target: str
    up_to_date: int
    seconds: float
    servers: list[TemplateFailure]
    casinos: list[CasinoResult]

    def with_outcome(self, outcome: MigrationOutcome) -> list[CasinoResult]:
        return [casino for casino in self.casinos if casino.outcome == outcome]

    @property
    def failed(self) -> list[CasinoResult]:
        return self.with_outcome(MigrationOutcome.FAILED)

    @property
    def pending(self) -> list[CasinoResult]:
        return self.with_outcome(MigrationOutcome.PENDING)


def missing_migrations(casinos: CatalogueQuerySet) -> list[CasinoLacks]:
    """The missing migrations of each casino that is behind, from the catalogue alone."""
    known = dict(SchemaVersion.objects.values_list("fingerprint", "migrations"))
    needed = [f"{app}.{name}" for app, name in migrations_on_disk()]
    return [
        CasinoLacks(pk, name, [each for each in needed if each not in known[version]] if version in known else None)
        for pk, name, version in behind(casinos).order_by("pk").values_list("pk", "name", "schema_version")
    ]


def report_of(
    run: MigrationRun | None, *, up_to_date: int, seconds: float, failures: Sequence[TemplateFailure]
) -> RunReport:
    fields = ("casino_id", "casino__name", "outcome", "applied", "error", "seconds")
    rows = run.casinos.order_by("casino_id").values_list(*fields) if run is not None else []
    return RunReport(
        run=run.pk if run is not None else None,
        target=code_version(),
        up_to_date=run.up_to_date if run is not None else up_to_date,
        seconds=seconds,
        servers=list(failures),
        casinos=[CasinoResult(*row) for row in rows],
    )
