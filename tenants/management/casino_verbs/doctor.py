"""`casino doctor`: finds problems, and repairs them."""

from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.doctor.examine import examine, repair
from tenants.lifecycle.doctor.findings import Finding
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult
from tenants.numbers import counted

from .casino_arguments import add_yes

_Errors = dict[int, Exception | None]  # the error of each repaired finding, by the finding's id()


class Doctor(Verb):
    name = "doctor"
    help = (
        "Compare the catalogue with the servers: unfinished work, missing and unknown databases. "
        "Exits with status 1 if a problem is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair",
            "--mend",
            dest="is_repairing",
            action="store_true",
            help="repair the repairable problems, after confirmation",
        )
        add_yes(parser)

    def run(self, terminal: Terminal, *args: Any, is_repairing: bool, **options: Any) -> VerbResult:
        findings = examine(terminal.report)
        errors = _repair(findings, terminal) if is_repairing else {}
        left = [finding for finding in findings if errors.get(id(finding), finding) is not None]
        lines = [_line(finding, errors) for finding in findings]
        document = [_document(finding, errors) for finding in findings]
        problem = f"Left: {len(left)} of {counted(len(findings), 'problem')}." if left else ""
        return VerbResult("\n".join(lines) or "No problems found.", document, problem)


def _repair(findings: list[Finding], terminal: Terminal) -> _Errors:
    repairable = [finding for finding in findings if finding.repair]
    if not repairable:
        return {}
    terminal.confirm("\n".join(f"{finding.problem} {finding.advice}" for finding in repairable))
    return {id(finding): error for finding, error in repair(repairable, terminal.report)}


def _line(finding: Finding, errors: _Errors) -> str:
    if id(finding) in errors:
        error = errors[id(finding)]
        outcome = f"not repaired: {str(error).strip()}" if error else "repaired"
    else:
        outcome = f"repair {'with `casino doctor --repair`' if finding.repair else 'by hand'}: {finding.advice}"
    return f"{finding.code}: {finding.problem}\n  {outcome}"


def _document(finding: Finding, errors: _Errors) -> dict[str, Any]:
    """The finding as JSON. The keys and outcomes have had these names since the first release: scripts read them."""
    outcome = None
    if id(finding) in errors:
        error = errors[id(finding)]
        outcome = f"not mended: {str(error).strip()}" if error else "mended"
    return {
        "code": finding.code,
        "what": finding.problem,
        "mend": finding.advice,
        "casino_id": finding.casino_id,
        "server": finding.server,
        "database": finding.database,
        "can_be_mended": finding.repair is not None,
        "outcome": outcome,
    }
