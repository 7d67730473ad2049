"""A server's responses over HTTP. The snapshot of each lies between the offsets before and after its request."""

import http.client
import json
import random
from collections.abc import Sequence
from typing import Any

from .checker import Checker, read_place
from .ledger import SECOND, Leg, Moment
from .meanings import Offsets

# Options of the casino's configuration.
SCHEMA: dict[str, Any] = {
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {
            "event_id": "int",
            **dict.fromkeys(("market", "line", "outcome", "producer"), "string"),
            "odd": "float",
            "priced_at": "float",
        },
    }
}
_BATCH = 20


class HttpAnswers:
    def __init__(self, checker: Checker, rng: random.Random, users: Sequence[int], casino_id: int, port: int) -> None:
        self._checker, self._rng, self._users = checker, rng, users
        self._headers = {"Casino-ID": str(casino_id), "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._shown = [1]

    def step(self) -> None:
        """Send a request and check its response. Repeats it, with a new clock time and offsets, if the server has
        closed the idle connection."""
        try:
            self._step()
        except ConnectionError:
            self._connection.close()
            self._checker.found.reconnections += 1
            self._step()

    def _step(self) -> None:
        clock, since = read_place()
        slips = [[_leg_of(event) for event in answer["events"]] for answer in self._ask()]
        _, until = read_place()
        self._shown = [leg.event for slip in slips for leg in slip][:50] or self._shown
        self._checker.check(slips, Moment(now=clock, clock=clock), since, _later(since, until))

    def _ask(self) -> list[dict[str, Any]]:
        """The slips in the response of one endpoint; none if the endpoint's event is closed or over by now."""
        rng, event = self._rng, self._rng.choice(self._shown)
        method, path, body = rng.choice(self._requests(event))
        self._connection.request(method, path, json.dumps(body) if body else None, self._headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if response.status in {400, 404}:
            return []
        assert response.status == 200, f"{method} {path}: {response.status} {answer}"
        answers: list[dict[str, Any]] = answer.get("recommendations", [answer])
        is_repeated = any(each["event_id"] == event for slip in answers for each in slip["events"])
        assert not (is_repeated and "next" in path), f"{method} {path} {body} repeats the slip's event"
        return answers

    def _requests(self, event: int) -> list[tuple[str, str, dict[str, Any] | None]]:
        user = self._rng.choice(self._users)
        return [
            ("GET", f"/recommend/{user}?limit=8", None),
            ("GET", f"/recommend/{user}", None),
            ("POST", "/recommend", {"user_ids": self._rng.sample(self._users, _BATCH)}),
            ("POST", f"/recommend/{user}/next", {"selections": [{"event_id": event}]}),
            ("POST", "/recommend/session", {"viewed": [{"event_id": event}]}),
            ("GET", f"/events/{event}/similar", None),
            ("GET", "/popular?limit=8", None),
        ]


def _leg_of(event: dict[str, Any]) -> Leg:
    priced_at = event["priced_at"]
    return Leg(
        event=event["event_id"],
        odd=round(event["odd"] * 1_000),
        market=event["market"],
        line=event["line"],
        outcome=event["outcome"],
        producer=event["producer"],
        priced_at=0 if priced_at is None else round(priced_at * SECOND),
    )


def _later(since: Offsets, until: Offsets) -> Offsets:
    return {partition: max(offset, since.get(partition, 0)) for partition, offset in until.items()}
