"""`casino doctor`: what is not as it should be, and mending it."""

from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.doctor.examine import examine, mend
from tenants.lifecycle.doctor.findings import Finding
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult

from .casino_arguments import add_yes

_SHOWN = ("code", "what", "mend", "casino_id", "server", "database")


class Doctor(Verb):
    name = "doctor"
    help = (
        "Compare the catalogue with what the servers have: half-done work, missing databases, databases in no row. "
        "Ends with status 1 if something is left that is not as it should be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mend", action="store_true", help="mend what can be mended, after asking")
        add_yes(parser)

    def run(self, terminal: Terminal, *args: Any, mend: bool, **options: Any) -> VerbResult:
        findings = examine(terminal.report)
        outcomes = _mend(findings, terminal) if mend else {}
        left = [finding for finding in findings if outcomes.get(id(finding)) != "mended"]
        lines = [_line(finding, outcomes.get(id(finding))) for finding in findings]
        document = [_document(finding, outcomes.get(id(finding))) for finding in findings]
        problem = f"{len(left)} of {len(findings)} findings are left." if left else ""
        return VerbResult("\n".join(lines) or "All is as it should be.", document, problem)


def _mend(findings: list[Finding], terminal: Terminal) -> dict[int, str]:
    """What became of each finding that has a remedy, by the finding's id()."""
    mendable = [finding for finding in findings if finding.remedy]
    if not mendable:
        return {}
    terminal.confirm("\n".join(f"{finding.what} {finding.mend}" for finding in mendable))
    outcomes = mend(mendable, terminal.report)
    return {id(finding): f"not mended: {str(error).strip()}" if error else "mended" for finding, error in outcomes}


def _line(finding: Finding, outcome: str | None) -> str:
    by = "by `casino doctor --mend`" if finding.remedy else "by hand"
    return f"{finding.code}: {finding.what}\n  {outcome or f'to be mended {by}: {finding.mend}'}"


def _document(finding: Finding, outcome: str | None) -> dict[str, Any]:
    shown = {name: getattr(finding, name) for name in _SHOWN}
    return {**shown, "can_be_mended": finding.remedy is not None, "outcome": outcome}
