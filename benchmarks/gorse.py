"""Gorse (https://gorse.io), which computes recommendations beforehand and serves them from a cache, with the data of a
casino: events are its items, selections its feedback. Tried with `gorse-in-one` 0.4.15."""

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from django.db import connections
from django.utils import timezone

from recommendations.models import Event, PurchasedCoupon, User
from tenants.models import Casino
from tenants.routing.context import use_casino

PORT = 8766
_DATABASE = "gorse"
_BATCH = 1_000  # items, users or feedback a request
_STARTED_WITHIN, _COMPUTED_WITHIN = 60, 1_800  # seconds
_COMPUTED_AT = "last_update_user_recommend_time"  # of a user's list, in the table `values` of Gorse's cache

_CONFIG = """
[database]
data_store = "{url}"
cache_store = "{url}"
[master]
host = "127.0.0.1"
port = {grpc_port}
http_host = "127.0.0.1"
http_port = {port}
n_jobs = 2
[recommend.data_source]
positive_feedback_types = ["bet"]
[recommend.collaborative]
model_fit_period = "24h"
model_search_period = "24h"
model_search_epoch = 2
model_search_trials = 1
[recommend.offline]
check_recommend_period = "1m"
refresh_recommend_period = "24h"
enable_latest_recommend = true
enable_user_based_recommend = true
enable_collaborative_recommend = true
"""


@contextmanager
def serving_lists(binary: Path, casino: Casino) -> Iterator[int]:
    """Runs Gorse on a database of its own in the catalogue's server. Yields the id of its process once it has computed
    a list for each of the casino's users."""
    _recreate_database()
    with TemporaryDirectory() as folder:
        config = Path(folder, "config.toml")
        config.write_text(_CONFIG.format(url=_database_url(), port=PORT, grpc_port=PORT + 1))
        cache, log = Path(folder, "cache"), Path(folder, "log")
        command = [str(binary.resolve()), f"--config={config}", f"--cache-path={cache}", "--recommend-jobs=2"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        try:
            _wait_for("start", _STARTED_WITHIN, _is_live, process, log)
            with use_casino(casino.current):
                users = _send_data()
            _wait_for("compute all lists", _COMPUTED_WITHIN, lambda: _computed_lists() >= users, process, log)
            yield process.pid
        finally:
            process.kill()
            process.wait()
            _execute(f"DROP DATABASE {_DATABASE} WITH (FORCE)")


def age_of_list(user_id: int) -> float:
    """Seconds since Gorse computed the list that it answers this user with."""
    [[text]] = _query("SELECT value FROM values WHERE name = %s", [f"{_COMPUTED_AT}/{user_id}"])
    written_by_go = text.partition(" +0000")[0]  # 2026-11-30 17:18:24.381454788 +0000 UTC m=+60.158108812
    return (timezone.now() - datetime.fromisoformat(f"{written_by_go}+00:00")).total_seconds()


def _recreate_database() -> None:
    _execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
    _execute(f"CREATE DATABASE {_DATABASE}")


def _execute(statement: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)


def _database_url() -> str:
    with connections["default"].cursor() as cursor:
        server = cursor.connection.info
    login = ":".join(quote(each) for each in (server.user, server.password) if each)
    options = urlencode({"host": server.host, "port": server.port, "sslmode": "disable"})
    return f"postgres://{login}@/{_DATABASE}?{options}"


def _query(statement: str, parameters: list[Any]) -> list[Any]:
    with psycopg.connect(_database_url()) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def _is_live() -> bool:
    with suppress(OSError):
        _request("GET", "/api/health/live")
        return True
    return False


def _computed_lists() -> int:
    [[number]] = _query("SELECT count(*) FROM values WHERE name LIKE %s", [f"{_COMPUTED_AT}/%"])
    return int(number)


def _wait_for(
    what: str, seconds: float, is_done: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path
) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if process.poll() is not None or time.monotonic() > deadline:
            [last] = log.read_text().splitlines()[-1:] or ["nothing"]
            failure = "ended" if process.poll() is not None else f"took more than {seconds} s"
            raise SystemExit(f"Gorse {failure} before it could {what}; its log ends with: {last}")
        time.sleep(1)


def _send_data() -> int:
    """Send Gorse the current casino's users, events and selections. Returns the number of users."""
    users = [{"UserId": str(user.pk), "Labels": [user.country, user.favorite_sport]} for user in User.objects.all()]
    _post("/api/users", users)
    _post("/api/items", [_item(event) for event in Event.objects.all()])
    _post("/api/feedback", [each for coupon in PurchasedCoupon.objects.all() for each in _feedback(coupon)])
    return len(users)


def _item(event: Event) -> dict[str, Any]:
    labels = [event.league, event.home_team, event.away_team]
    return {"ItemId": str(event.pk), "Categories": [event.sport], "Labels": labels, "Timestamp": _now()}


def _feedback(coupon: PurchasedCoupon) -> list[dict[str, Any]]:
    common = {"FeedbackType": "bet", "UserId": str(coupon.user_id), "Timestamp": coupon.timestamp.isoformat()}
    return [{**common, "ItemId": str(selection["event_id"])} for selection in coupon.recommended_events]


def _now() -> str:
    return timezone.now().isoformat()


def _post(path: str, rows: list[dict[str, Any]]) -> None:
    for first in range(0, len(rows), _BATCH):
        _request("POST", path, json.dumps(rows[first : first + _BATCH]))


def _request(method: str, path: str, body: str | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"Gorse answered {method} {path} with {response.status}: {answer[:200]!r}")
