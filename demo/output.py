"""Texts that the demo prints at its end."""

from rich.table import Table

from tenants.models import Casino

from .casino_messages import CasinoMessages
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
        events = (f"{event['home_team']} - {event['away_team']} @ {event['odd']:.2f}" for event in response.events)
        casino = f"{response.casino.pk} {response.casino.name}"
        table.add_row(casino, response.casino.recommender_type, str(response.user_id), "\n".join(events))
    return table


def next_steps(base_url: str, response: CheckedResponse, other: Casino, login: str, password: str) -> list[str]:
    """Commands and URLs to try, ready to paste."""
    casino, user_id = response.casino.pk, response.user_id
    return [
        "[b]Get a recommendation[/], each casino with its own fields:",
        f"  curl -H 'Casino-ID: {casino}' {base_url}/recommend/{user_id}",
        f"  curl -H 'Casino-ID: {other.pk}' {base_url}/recommend/{user_id}",
        "[b]Change a casino's configuration[/]:",
        f"  curl -H 'Casino-ID: {casino}' -H 'Content-Type: application/json' {base_url}/config -d '{CONFIGURATION}'",
        f"[b]Create three dummy coupons[/]:  curl -X POST -H 'Casino-ID: {casino}' {base_url}/purchase/{user_id}",
        f"[b]Dashboard[/]:  {base_url}/   Admin: {base_url}/admin/  (login {login}, password {password})",
        "[b]Produce more events[/], in another terminal:  .venv/bin/python manage.py produce_events --interval 1",
        f"[b]Query the database[/]:  .venv/bin/python manage.py dbshell --casino {casino}",
        "Press Ctrl-C to stop.",
    ]
