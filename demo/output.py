"""Texts that the demo prints at its end."""

import sys
from pathlib import Path
from shlex import quote
from typing import Any

from django.conf import settings
from rich.table import Table

from recommendations.models.event_names import event_name
from tenants.models import Casino

from .casino_messages import CasinoMessages
from .interleaving import NAME as EXPERIMENT
from .web_server import CheckedResponse

CONFIGURATION = (
    '{"recommender_type": "static", "recommendation_schema": {"who": {"type": "int", "source_field": "id"}, '
    '"what": {"type": "list", "source_field": "recommended_events"}}}'
)


def ingestion_summary(messages: dict[int, CasinoMessages]) -> str:
    events, users, coupons = (
        sum(len(getattr(each, kind)) for each in messages.values()) for kind in ("events", "users", "coupons")
    )
    return f"{events:,} events, {users:,} users and {coupons:,} coupons ingested into {len(messages)} databases."


def slips_table(responses: list[CheckedResponse]) -> Table:
    """A row for each response: casino, recommender, user and slip."""
    table = Table("casino", "recommender", "user", "slip", title="Recommendations", show_lines=True)
    for response in responses:
        events = (_with_odd(event) for event in response.events)
        casino = f"{response.casino.pk} {response.casino.name}"
        table.add_row(casino, response.casino.recommender_type, str(response.user_id), "\n".join(events))
    return table


def _with_odd(event: dict[str, Any]) -> str:
    bet = " ".join(filter(None, (event.get("market"), event.get("line"), event.get("outcome"))))
    name = event_name(event["home_team"], event["away_team"])
    return f"{name}{bet and f': {bet}'} @ {event['odd']:.2f}"


def way_in(base_url: str, kafka: str, login: str, password: str) -> list[str]:
    """The addresses of the running service: lines to paste into another terminal, and a URL for a browser."""
    base, activate = Path(settings.BASE_DIR), Path(sys.executable).parent / "activate"
    places = [f"cd {quote(str(base))}"]
    if activate.exists():
        places.append(f". {quote(str(activate.relative_to(base) if activate.is_relative_to(base) else activate))}")
    if base / ".local" != settings.LOCAL_DIR:
        places.append(f"export LOCAL_DIR={quote(str(settings.LOCAL_DIR))}")
    return [
        "The service is running, without a casino yet. [b]Paste these lines into another terminal[/]:",
        f"  {' && '.join(places)}",
        f"  export SERVICE={base_url} KAFKA={kafka}",
        f"[b]Dashboard[/]:  {base_url}/   (login {login}, password {password})",
        "Go on with docs/tutorial.md. Press Ctrl-C here to stop.",
    ]


def manage_command() -> str:
    """The installation's `manage.py`, ready to paste: with its Python and, unless it is the default, its LOCAL_DIR."""
    python, base = Path(sys.executable), Path(settings.BASE_DIR)
    program = python.relative_to(base) if python.is_relative_to(base) else python
    place = "" if base / ".local" == settings.LOCAL_DIR else f"LOCAL_DIR={quote(str(settings.LOCAL_DIR))} "
    change = "" if Path.cwd() == base else f"cd {quote(str(base))} && "
    return f"{change}{place}{quote(str(program))} manage.py"


def next_steps(
    base_url: str, response: CheckedResponse, other: Casino, *, with_markets: Casino, login: str, password: str
) -> list[str]:
    """Commands and URLs to try, ready to paste."""
    casino, user_id = response.casino.pk, response.user_id
    manage = manage_command()
    return [
        "[b]Get a recommendation[/], each casino with its own fields:",
        f"  curl -H 'Casino-ID: {casino}' {base_url}/recommend/{user_id}",
        f"  curl -H 'Casino-ID: {other.pk}' {base_url}/recommend/{user_id}",
        "[b]Get bets by name[/], of a casino with markets; repeat it to see moved prices:",
        f"  curl -H 'Casino-ID: {with_markets.pk}' {base_url}/recommend/{user_id}",
        f"[b]See which recommender users prefer[/]:  {base_url}/casinos/{casino}/experiments/{EXPERIMENT}/",
        f"  {manage} experiment report {EXPERIMENT} --casino {casino}",
        "[b]Change a casino's configuration[/]:",
        f"  curl -H 'Casino-ID: {casino}' -H 'Content-Type: application/json' {base_url}/config -d '{CONFIGURATION}'",
        f"[b]Create three dummy coupons[/]:  curl -X POST -H 'Casino-ID: {casino}' {base_url}/purchase/{user_id}",
        f"[b]Dashboard[/]:  {base_url}/   Admin: {base_url}/admin/  (login {login}, password {password})",
        f"[b]Produce more events[/], in another terminal:  {manage} produce_events --interval 1",
        f"[b]Query the database[/]:  {manage} dbshell --casino {casino}",
        "Press Ctrl-C to stop.",
    ]
