"""Randomly changed messages over HTTP: each has an outcome, and none stops the others of its request."""

import random

import pytest

from ingestion.tests.mutations import good_messages, mutate
from tenants.tests.exhaustive import scaled

from .conftest import LINES

MESSAGES = scaled(600, 2_400)
_PATHS = ("/users", "/events", "/coupons")


@pytest.mark.scaled
def test_every_message_of_random_ones_is_answered(sender, settings):
    settings.API_REQUEST_BYTES = 0
    rng = random.Random(11)
    for kind, path in enumerate(_PATHS):
        lines = [
            mutate(good_messages(rng)[kind], rng).replace(b"\n", b" ").strip() or b"0" for _ in range(MESSAGES // 3)
        ]
        response = sender.post(path, b"\n".join(lines), key=f"random-{kind}", media_type=LINES)
        assert response.status_code == 207, response.content
        answer = response.json()
        assert len(answer["items"]) == len(lines)
        assert {"stored", "rejected"} <= answer["outcomes"].keys() or path == "/coupons"
        for item in answer["items"]:
            item.pop("detail", None)
        assert sender.post(path, b"\n".join(lines), key=f"random-{kind}", media_type=LINES).json() == answer


@pytest.mark.parametrize(
    "value",
    [b'{"id": "\\ud83d", "status": "\\ud83d"}', b'{"id": "a\\u0000", "name": "\\u0000"}', b"\xff\xfe{\x00", b"[" * 900],
)
def test_text_that_can_not_be_encoded_is_answered_all_the_same(sender, value):
    response = sender.post("/users", value + b"\n{}", media_type=LINES, key="a")
    assert response.status_code == 207
    assert [each["outcome"] for each in response.json()["items"]] == ["rejected"] * 2
