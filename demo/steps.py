"""The steps of the demo, in order. Each raises DemoFailed with the reason."""

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
from recommendations.validation.rows import CouponRow, Row
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino

from .casino_messages import CasinoMessages
from .casinos import DEMO_CASINOS
from .errors import DemoFailed
from .processes import Processes, log_path

STALL_SECONDS = 120
FEED_RATE = 100  # messages a second: one every six seconds for each of some 570 events

Progress = Callable[[int, int], None]


class Patience:
    """Ends `STALL_SECONDS` after the last progress: a busy machine is slow, only a hanging one makes no progress."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done = -1
        self._since = clock()

    def has_ended(self, done: int) -> bool:
        if done != self._done:
            self._done, self._since = done, self._clock()
        return self._clock() - self._since > STALL_SECONDS


def provision_casinos(now: datetime) -> list[Casino]:
    """Create the catalogue and the three casinos with their databases and configurations."""
    ensure_catalogue()
    casinos = store_casinos(casino.name for casino in DEMO_CASINOS)
    return [
        configure(
            casino=casino,
            recommender_type=demo_casino.recommender_type,
            recommendation_schema=demo_casino.recommendation_schema,
            now=now,
        )
        for casino, demo_casino in zip(casinos, DEMO_CASINOS, strict=True)
    ]


def start_broker(processes: Processes) -> str:
    """Start the embedded broker, create the topics, and return the bootstrap servers."""
    if servers := running_embedded_broker():
        raise DemoFailed(f"an embedded broker of this installation is already running on {servers}; stop it first")
    processes.manage("run_embedded_broker")
    try:
        create_topics()
    except BrokerUnavailable as error:
        raise DemoFailed(f"{error} See {log_path('run_embedded_broker')}.") from error
    return running_embedded_broker() or ""


def start_consumers(processes: Processes) -> None:
    for topic in TOPICS.values():
        processes.manage(f"consume_{topic.name}")


def start_feed(processes: Processes, casino: Casino) -> None:
    """Start the feed that sends all prices of a casino with markets, and then changes them."""
    processes.manage("produce_odds", "--casinos", str(casino.pk), "--rate", str(FEED_RATE))


def send_everything(messages: dict[int, CasinoMessages]) -> int:
    """Send all casinos' messages. Returns their number."""
    with Sender() as sender:
        for casino_id, each in messages.items():
            for topic, rows in ((EVENTS, each.events), (USERS, each.users), (COUPONS, each.coupons)):
                _send(sender, topic, casino_id, rows)
    return sender.sent


def send_coupons(casino: Casino, coupons: Iterable[CouponRow]) -> None:
    with Sender() as sender:
        _send(sender, COUPONS, casino.pk, coupons)


def wait_until_stored(processes: Processes, progress: Progress | None = None) -> None:
    """Wait until the consumers have processed every message. Calls `progress(processed, total)`."""
    patience = Patience()
    while True:
        lags = [measure_lag(topic) for topic in TOPICS.values()]
        done = sum(lag.done for lag in lags)
        if progress is not None:
            progress(done, sum(lag.messages for lag in lags))
        if all(lag.is_none for lag in lags):
            return
        check_alive(processes)
        if patience.has_ended(done):
            raise DemoFailed(
                f"the consumers have processed no message for {STALL_SECONDS} s; see {log_path('*').parent}"
            )
        time.sleep(0.3)


def wait_until_recommendations_stored(processes: Processes, casino: Casino, count: int, *, since: datetime) -> None:
    """Wait until the casino's database has `count` recommendations served after `since`."""
    patience = Patience()
    with use_casino(casino.current):
        while (stored := ServedSlip.objects.filter(timestamp__gte=since).exclude(events=[]).count()) < count:
            check_alive(processes)
            if patience.has_ended(stored):
                log = log_path("consume_recommendations")
                raise DemoFailed(
                    f"only {stored} of {count} recommendations of {casino} stored, and none for {STALL_SECONDS} s; "
                    f"see {log}"
                )
            time.sleep(0.2)


def check_alive(processes: Processes) -> None:
    """Restart killed processes. Raises DemoFailed if a process has exited by itself."""
    processes.restart_killed()
    if exited := processes.exited():
        raise DemoFailed(f"{exited[0]} has exited; see {log_path(exited[0])}")


def _send(sender: Sender, topic: Topic, casino_id: int, rows: Iterable[Row]) -> None:
    for row in rows:
        sender.send_row(topic.name, casino_id, row, key=f"{casino_id}:{row.id}")
