"""The doctor: compares the catalogue with the servers' databases, and repairs differences."""

from collections.abc import Iterable, Iterator

from django.db import DatabaseError

from tenants.databases.locks import busy_casinos
from tenants.databases.servers import known_servers
from tenants.errors import UnknownServer
from tenants.lifecycle.states import Report, silent
from tenants.models import Casino, DatabaseServer
from tenants.numbers import counted

from .findings import Finding, ServerSnapshot, read_server
from .installation import INSTALLATION_SYMPTOMS
from .symptoms import CASINO_SYMPTOMS, DATABASE_SYMPTOMS, partial_backup_findings


def examine(report: Report = silent) -> list[Finding]:
    """All findings, except those of casinos whose lock another process holds now."""
    servers: dict[str, ServerSnapshot] = {}
    findings = [finding for symptom in INSTALLATION_SYMPTOMS for finding in symptom()]
    for row in DatabaseServer.objects.order_by("name"):
        report(f"checking server {row}")
        try:
            servers[row.name] = read_server(row.name)
        except (DatabaseError, UnknownServer) as error:
            findings.append(_unavailable(row.name, error))
    casinos = list(Casino.objects.living().order_by("id").prefetch_related("databases"))
    busy = busy_casinos(casino.pk for casino in casinos)
    report(f"checking {counted(len(casinos), 'casino')}")
    for casino in casinos:
        if casino.pk not in busy:
            findings += _examine_casino(casino, servers)
    findings += [finding for server in servers.values() for finding in server.orphans()]
    return findings + list(partial_backup_findings(busy))


def repair(findings: Iterable[Finding], report: Report = silent) -> Iterator[tuple[Finding, Exception | None]]:
    """Run the findings' repairs, and yield each with its error or None. A failed repair does not stop the others."""
    for finding in findings:
        if finding.repair is None:
            continue
        report(finding.advice)
        try:
            finding.repair(report)
        except Exception as error:  # noqa: BLE001  # yielded to the caller; the others must go on
            yield finding, error
        else:
            yield finding, None


def _examine_casino(casino: Casino, servers: dict[str, ServerSnapshot]) -> list[Finding]:
    found = [finding for symptom in CASINO_SYMPTOMS for finding in symptom(casino)]
    for database in casino.databases.all():
        if database.server_id in servers:
            server = servers[database.server_id]
            found += [finding for symptom in DATABASE_SYMPTOMS for finding in symptom(casino, database, server)]
    return found


def _unavailable(name: str, error: Exception) -> Finding:
    if name not in known_servers():
        return Finding(
            code="server_without_address",
            problem=f"Server {name} has no address.",
            advice=f"Set DATABASE_SERVER_{name.upper()}_URL.",
            server=name,
        )
    problem = f"Server {name} is unavailable: {str(error).strip()}"
    return Finding(code="server_away", problem=problem, advice="Start it, then run the doctor again.", server=name)
