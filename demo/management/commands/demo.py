"""`manage.py demo`: the whole service on real fixtures, from Kafka messages to recommendations."""

import secrets
import signal
import time
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from demo import output, steps
from demo.casino_messages import CasinoMessages, casino_messages, scheduled_fixtures
from demo.casinos import DEMO_CASINOS
from demo.errors import DemoFailed
from demo.interleaving import NAME, check_verdict, run_interleaving
from demo.processes import Processes
from demo.sent_prices import SentPrices, sent_messages, wait_until_prices_move
from demo.web_server import CheckedResponse, recommend, start_server, wait_for_prices
from ingestion.topics import TOPICS
from recommendations.experiments.report import VariantReport
from tenants.databases.catalogue import ensure_catalogue
from tenants.models import Casino
from tenants.numbers import as_count

LOGIN = "demo"
EXAMPLE_USERS = (1, 7, 31)

# The demo listens on loopback only, so it needs neither authentication nor TLS.
ENVIRONMENT = {"EMBEDDED_POSTGRES": "1", "RECSYS_OPEN_API": "1", "RECSYS_TEST_ENDPOINTS": "1", "HTTPS": "0"}
WITH_KEYS = {"RECSYS_OPEN_API": "0"}  # shows newcomers that their own data need an API key


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages, which another process serves
    help = "Run the whole service on embedded servers: three casinos, real fixtures, recommendations over HTTP."

    def add_arguments(self, parser: CommandParser) -> None:
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument("--check", action="store_true", help="exit after all checks have passed")
        kind.add_argument("--empty", action="store_true", help="start without casinos and messages, for your own data")
        parser.add_argument(
            "--port",
            type=as_count,
            default=8000,
            help="port of the web server (default %(default)s; a free port if it is taken)",
        )

    def handle(self, *args: Any, check: bool, empty: bool, port: int, **options: Any) -> None:
        if settings.DATABASE_URL or settings.KAFKA_BOOTSTRAP_SERVERS:
            raise CommandError(
                "The demo creates casinos, a login and messages, so it runs on embedded servers only. "
                "Unset DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS (also in .env)."
            )
        settings.EMBEDDED_POSTGRES = True
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT
            signal.signal(number, _interrupt)
        console = Console()
        try:
            with Processes(ENVIRONMENT | (WITH_KEYS if empty else {})) as processes:
                if empty:
                    self._run_empty(console, processes, port=port)
                else:
                    self._run(console, processes, check=check, port=port)
        except DemoFailed as error:
            raise CommandError(f"The demo failed: {error}") from error
        except KeyboardInterrupt:
            console.print(f"Stopped. The databases stay in {settings.LOCAL_DIR}; the broker's messages are deleted.")

    def _run(self, console: Console, processes: Processes, *, check: bool, port: int) -> None:
        started = time.monotonic()
        casinos, messages = self._ingest(console, processes)
        verdict = _compare_recommenders(console, processes, casinos[0], messages)
        with_markets = _with_markets(casinos)
        base_url, requested_at = self._serve_prices(console, processes, with_markets, port=port), timezone.now()
        responses = [recommend(base_url, casino, user_id) for casino in casinos for user_id in EXAMPLE_USERS]
        named = [each for each in responses if each.casino == with_markets]
        _check_prices(named)
        with console.status("Storing the served recommendations"):
            for casino in casinos:
                steps.wait_until_recommendations_stored(processes, casino, len(EXAMPLE_USERS), since=requested_at)
        console.print(f"[green]✓[/] {len(responses)} recommendations served and stored")
        console.print(output.slips_table([each for each in responses if each.user_id == EXAMPLE_USERS[0]]))
        if check:
            check_verdict(verdict)
            with console.status("Waiting for prices to move"):
                _check_prices(
                    wait_until_prices_move(named, lambda each: recommend(base_url, each.casino, each.user_id))
                )
            console.print(f"Checked {len(responses)} recommendations in {time.monotonic() - started:.0f} s: all valid.")
            return
        login = {"login": LOGIN, "password": login_password()}
        lines = output.next_steps(base_url, responses[0], casinos[1], with_markets=with_markets, **login)
        _serve(console, processes, [output.ingestion_summary(messages), "", *lines])

    def _serve_prices(self, console: Console, processes: Processes, with_markets: Casino, *, port: int) -> str:
        """Start the web server and the feed. Returns the server's URL once it recommends bets at prices of the feed."""
        steps.start_feed(processes, with_markets)
        with console.status("Starting the web server and the feed of prices"):
            base_url = start_server(processes, port)
            wait_for_prices(processes, base_url, with_markets, EXAMPLE_USERS[0])
        console.print(f"[green]✓[/] web server on {base_url}; prices of {with_markets.name} move")
        return base_url

    def _run_empty(self, console: Console, processes: Processes, *, port: int) -> None:
        with console.status("Starting PostgreSQL, the broker, the consumers and the web server"):
            ensure_catalogue()
            servers = steps.start_broker(processes)
            steps.start_consumers(processes)
            base_url = start_server(processes, port)
        _serve(console, processes, output.way_in(base_url, servers, LOGIN, login_password()))

    def _ingest(self, console: Console, processes: Processes) -> tuple[list[Casino], dict[int, CasinoMessages]]:
        now = timezone.now()
        with console.status("Starting PostgreSQL and creating the casinos' databases"):
            casinos = steps.provision_casinos(now)
        console.print(f"[green]✓[/] {len(casinos)} casinos, each with its own database")
        with console.status("Starting the broker and the consumers"):
            servers = steps.start_broker(processes)
            steps.start_consumers(processes)
        console.print(f"[green]✓[/] Kafka broker on {servers}, {len(TOPICS)} consumers")
        with console.status("Sending events, users and coupons"):
            fixtures = scheduled_fixtures(now)
            messages = {
                casino.pk: casino_messages(demo_casino, fixtures, now)
                for casino, demo_casino in zip(casinos, DEMO_CASINOS, strict=True)
            }
            sent = steps.send_everything(messages)
        console.print(f"[green]✓[/] {sent:,} messages sent")
        with _progress(console) as progress:
            task = progress.add_task("Storing", total=sent)
            steps.wait_until_stored(processes, lambda done, total: progress.update(task, completed=done, total=total))
        console.print("[green]✓[/] all messages stored")
        return casinos, messages


def _compare_recommenders(
    console: Console, processes: Processes, casino: Casino, messages: dict[int, CasinoMessages]
) -> VariantReport:
    with console.status("Running an experiment on the last week"):
        verdict = run_interleaving(processes, casino, messages[casino.pk], timezone.now())
    console.print(f"[green]✓[/] experiment {NAME}: {verdict.sentence}", soft_wrap=True)
    return verdict


def _with_markets(casinos: list[Casino]) -> Casino:
    return next(casino for casino, demo_casino in zip(casinos, DEMO_CASINOS, strict=True) if demo_casino.has_markets)


def _check_prices(responses: list[CheckedResponse]) -> None:
    sent = SentPrices(sent_messages(responses[0].casino.pk))
    for response in responses:
        sent.check(response)


def _serve(console: Console, processes: Processes, lines: list[str]) -> NoReturn:
    """Print the lines, and keep the processes running."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
    while True:
        time.sleep(1)
        steps.check_alive(processes)


def _progress(console: Console) -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)


def login_password() -> str:
    """The password of the demo's staff login: random at first, stored in a file that only its owner can read."""
    file = settings.LOCAL_DIR / "demo_password"
    user, _ = get_user_model().objects.get_or_create(username=LOGIN, defaults={"is_staff": True, "is_superuser": True})
    password = file.read_text().strip() if file.exists() else ""
    if not password or not user.check_password(password):
        password = secrets.token_urlsafe(9)
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(password)
        user.set_password(password)
        user.save()
    return password


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
