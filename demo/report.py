"""What the demo says at its end."""

from rich.table import Table

from tenants.models import Casino

from .messages import CasinoMessages
from .serving import Answer

EXAMPLE = (
    '{"recommender_type": "static", "recommendation_schema": {"who": {"type": "int", "source_field": "id"}, '
    '"what": {"type": "list", "source_field": "recommended_events"}}}'
)


def ingested(messages: dict[int, CasinoMessages]) -> str:
    events, users, coupons = (
        sum(len(getattr(each, kind)) for each in messages.values()) for kind in ("events", "users", "coupons")
    )
    return f"{events:,} events, {users:,} users, {coupons:,} coupons went through Kafka into {len(messages)} databases."


def slips(answers: list[Answer]) -> Table:
    """One user's slip of each casino."""
    table = Table("casino", "recommender", "user", "slip", title="What the casinos recommend now", show_lines=True)
    for answer in answers:
        events = (f"{event['home_team']} - {event['away_team']} @ {event['odd']:.2f}" for event in answer.events)
        casino = f"{answer.casino.pk} {answer.casino.name}"
        table.add_row(casino, answer.casino.recommender_type, str(answer.user_id), "\n".join(events))
    return table


def what_to_try(base_url: str, answer: Answer, other: Casino, login: str, password: str) -> list[str]:
    """Commands that work when pasted, and where to look."""
    casino, user_id = answer.casino.pk, answer.user_id
    return [
        "[b]Ask for a recommendation[/], in each casino's own fields:",
        f"  curl -H 'Casino-ID: {casino}' {base_url}/recommend/{user_id}",
        f"  curl -H 'Casino-ID: {other.pk}' {base_url}/recommend/{user_id}",
        "[b]Change what a casino gets[/]:",
        f"  curl -H 'Casino-ID: {casino}' -H 'Content-Type: application/json' {base_url}/config -d '{EXAMPLE}'",
        f"[b]Buy three coupons[/]:  curl -X POST -H 'Casino-ID: {casino}' {base_url}/purchase/{user_id}",
        f"[b]In a browser[/]:  {base_url}/   Admin: {base_url}/admin/  (login {login}, password {password})",
        "[b]In another terminal[/]:  .venv/bin/python manage.py produce_events --interval 1",
        f"[b]In SQL[/]:  .venv/bin/python manage.py dbshell --casino {casino}",
        "Ctrl-C ends it all.",
    ]
