"""The doctor: compares the catalogue with what the servers really have, and offers to mend what a crash or a hand left
behind."""

from collections.abc import Iterable, Iterator

from django.db import DatabaseError

from tenants.databases.locks import busy_casinos
from tenants.databases.servers import known_servers
from tenants.errors import UnknownServer
from tenants.lifecycle.states import Report, silent
from tenants.models import Casino, DatabaseServer

from .findings import Finding, Server, look_at_server
from .symptoms import CASINO_SYMPTOMS, DATABASE_SYMPTOMS, partial_backup_findings


def examine(report: Report = silent) -> list[Finding]:
    """Everything that is not as it should be. A casino that another process works on at this moment is left out."""
    servers: dict[str, Server] = {}
    findings: list[Finding] = []
    for row in DatabaseServer.objects.order_by("name"):
        report(f"looking at server {row}")
        try:
            servers[row.name] = look_at_server(row.name)
        except (DatabaseError, UnknownServer) as error:
            findings.append(_away(row.name, error))
    casinos = list(Casino.objects.living().order_by("id").prefetch_related("databases"))
    busy = busy_casinos(casino.pk for casino in casinos)
    report(f"looking at {len(casinos):,} casinos")
    for casino in casinos:
        if casino.pk not in busy:
            findings += _examine_casino(casino, servers)
    findings += [finding for server in servers.values() for finding in server.orphans()]
    return findings + list(partial_backup_findings(busy))


def mend(findings: Iterable[Finding], report: Report = silent) -> Iterator[tuple[Finding, Exception | None]]:
    """Mend what can be mended, one after the other, and say how each went. What fails stops nothing else."""
    for finding in findings:
        if finding.remedy is None:
            continue
        report(finding.mend)
        try:
            finding.remedy(report)
        except Exception as error:  # noqa: BLE001 (each is told; the others must go on)
            yield finding, error
        else:
            yield finding, None


def _examine_casino(casino: Casino, servers: dict[str, Server]) -> list[Finding]:
    found = [finding for symptom in CASINO_SYMPTOMS for finding in symptom(casino)]
    for database in casino.databases.all():
        if database.server_id in servers:
            server = servers[database.server_id]
            found += [finding for symptom in DATABASE_SYMPTOMS for finding in symptom(casino, database, server)]
    return found


def _away(name: str, error: Exception) -> Finding:
    if name not in known_servers():
        return Finding(
            code="server_without_address",
            what=f"Server {name} has no address.",
            mend=f"Set DATABASE_SERVER_{name.upper()}_URL.",
            server=name,
        )
    what = f"Server {name} does not answer: {str(error).strip()}"
    return Finding(code="server_away", what=what, mend="Bring it back, then look again.", server=name)
