"""The steps of the demo, in their order. Each does one thing, for real, and raises DemoFailed with the reason."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from ingestion.errors import BrokerUnavailable
from ingestion.kafka.embedded_broker import running_embedded_broker
from ingestion.producers.sender import Sender
from ingestion.status.lag import measure_lag
from ingestion.topics import COUPONS, EVENTS, TOPICS, USERS, Topic, create_topics
from recommendations.models import ServedSlip
from recommendations.services import configure
from recommendations.validation.rows import Row
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino

from .casinos import DEMO_CASINOS
from .errors import DemoFailed
from .messages import CasinoMessages
from .processes import Processes, log_path

STORING_SECONDS = 120

Progress = Callable[[int, int], None]


def provision_casinos(now: datetime) -> list[Casino]:
    """The catalogue and the three casinos, each with its database and its configuration."""
    ensure_catalogue()
    casinos = store_casinos(casino.name for casino in DEMO_CASINOS)
    return [
        configure(
            casino=casino,
            recommender_type=wanted.recommender_type,
            recommendation_schema=wanted.recommendation_schema,
            now=now,
        )
        for casino, wanted in zip(casinos, DEMO_CASINOS, strict=True)
    ]


def start_broker(processes: Processes) -> str:
    """Start the embedded broker, wait until its topics are there, and answer where it is."""
    if servers := running_embedded_broker():
        raise DemoFailed(f"an embedded broker of this installation runs already, on {servers}; end it first")
    processes.manage("run_embedded_broker")
    try:
        create_topics()
    except BrokerUnavailable as error:
        raise DemoFailed(f"{error} Its log is {log_path('run_embedded_broker')}.") from error
    return running_embedded_broker() or ""


def start_consumers(processes: Processes) -> None:
    for topic in TOPICS.values():
        processes.manage(f"consume_{topic.name}")


def send_everything(messages: dict[int, CasinoMessages]) -> int:
    """Send all casinos' messages through the topics; answer how many."""
    with Sender() as sender:
        for casino_id, each in messages.items():
            for topic, rows in ((EVENTS, each.events), (USERS, each.users), (COUPONS, each.coupons)):
                _send(sender, topic, casino_id, rows)
    return sender.sent


def wait_until_stored(processes: Processes, progress: Progress) -> None:
    """Wait until the consumers have done with every message, and tell `progress` (done, of all)."""
    deadline = time.monotonic() + STORING_SECONDS
    while True:
        lags = [measure_lag(topic) for topic in TOPICS.values()]
        progress(sum(lag.done for lag in lags), sum(lag.messages for lag in lags))
        if all(lag.is_none for lag in lags):
            return
        check_alive(processes)
        if time.monotonic() > deadline:
            raise DemoFailed(f"the consumers were not done within {STORING_SECONDS} s; see {log_path('*').parent}")
        time.sleep(0.3)


def wait_until_served_is_stored(processes: Processes, casino: Casino, count: int, *, since: datetime) -> None:
    """Wait until so many recommendations that were served since then are in the casino's database."""
    deadline = time.monotonic() + STORING_SECONDS
    with use_casino(casino.current):
        while (stored := ServedSlip.objects.filter(timestamp__gte=since).count()) < count:
            check_alive(processes)
            if time.monotonic() > deadline:
                log = log_path("consume_recommendations")
                raise DemoFailed(f"{stored} of {count} recommendations served by {casino} are stored; see {log}")
            time.sleep(0.2)


def check_alive(processes: Processes) -> None:
    """Start again what was killed; raises DemoFailed for what has ended by itself."""
    processes.restart_killed()
    if ended := processes.ended():
        raise DemoFailed(f"{ended[0]} has ended by itself; its last words are in {log_path(ended[0])}")


def _send(sender: Sender, topic: Topic, casino_id: int, rows: Iterable[Row]) -> None:
    for row in rows:
        sender.send_row(topic.name, casino_id, row, key=f"{casino_id}:{row.id}")
