"""Fixtures of the dashboard's tests: staff clients, and two casinos with rows of their own."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ingestion.models import MessageCount
from recommendations.services import configure
from recommendations.storing.rebuild import rebuild_casino_tallies
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from tenants.models import Casino
from tenants.routing.context import use_casino

HOSTILE = "<script>alert(1)</script>"
SCHEMA = {
    "who": {"type": "int", "source_field": "user_id"},
    "bets": {"type": "list", "source_field": "recommended_events"},
}


def staff_client(*permissions: str, **fields: Any) -> Client:
    """A client logged in as staff with these permissions ("app.codename")."""
    user = User.objects.create_user("".join(permissions)[-30:] or "some", **{"is_staff": True, **fields})
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client


def count_queries(client: Client, url: str) -> tuple[int, int, int]:
    """Queries to the catalogue, to casino A and to casino B."""
    with (
        CaptureQueriesContext(connections["default"]) as catalogue,
        CaptureQueriesContext(connections["casino_1"]) as a,
        CaptureQueriesContext(connections["casino_2"]) as b,
    ):
        assert client.get(url).status_code == 200
    return len(catalogue), len(a), len(b)


@pytest.fixture
def staff(casino_a: Casino, casino_b: Casino) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff", password="x"))
    return client


def fill(casino: Casino, now: Any, *, users: int = 3) -> None:
    """Users 1, 2, .. named after the casino, each with a coupon; its own events; message counts of this hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    configure(casino=casino, recommender_type="inference_score", recommendation_schema=SCHEMA, now=now)
    with use_casino(casino.current):
        ids = range(1, users + 1)
        UserFactory.create_each({"id": number, "name": f"{casino.name}{number}"} for number in ids)
        bets = [selection(league=f"{casino.name} LEAGUE", home_team=f"{casino.name} ROVERS")]
        TalliedCouponFactory.create_each(
            {"user_id": number, "timestamp": now, "recommended_events": bets} for number in ids
        )
        rebuild_casino_tallies()
        EventFactory.create_batch(5, league=f"{casino.name} LEAGUE")
        counts = (("coupons", "stored", False, users), ("recommendations", "stored", False, 40 + casino.pk))
        MessageCount.objects.bulk_create(
            MessageCount(
                topic=topic, hour=hour, outcome=outcome, is_rejection=is_rejection, count=count, last_at=now,
                last_detail=f"{casino.name} {HOSTILE}" if is_rejection else "",
            )
            for topic, outcome, is_rejection, count in (*counts, ("users", "missing", True, 70 + casino.pk))
        )  # fmt: skip


@pytest.fixture
def filled(casino_a: Casino, casino_b: Casino, now: Any) -> None:
    fill(casino_a, now)
    fill(casino_b, now)


def text_of(client: Client, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, answer
    return answer.content.decode()


@pytest.fixture
def silent_server(settings: Any) -> Iterator[float]:
    """A server "east" that accepts connections and never answers. Returns the client's connect timeout in seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = {"HOST": "127.0.0.1", "PORT": listening.getsockname()[1], "OPTIONS": {"connect_timeout": 2}}
        settings.DATABASE_SERVERS = {"east": {"requests": address, "direct": address}}
        yield 2.0
