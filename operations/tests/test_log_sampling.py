"""Lines about rejected requests are limited, others never."""

import logging

import pytest

from ingestion.dead_letters import write
from operations import log_sampling
from operations.log_sampling import LINES_A_MINUTE, SamplingFilter

REJECTED_MESSAGES = write.logger.name


@pytest.fixture
def sampling():
    return SamplingFilter()


def line(name="access", level=logging.INFO, text="%s", **extra):
    record = logging.LogRecord(name, level, __file__, 1, text, ("/config",), None)
    vars(record).update(extra)
    return record


def passed(sampling, number, **kind):
    return sum(sampling.filter(line(**kind)) for _ in range(number))


@pytest.mark.parametrize(
    "kind",
    [
        {"status": 401, "route": "/config"},
        {"name": "django.request", "level": logging.WARNING, "text": "Unauthorized: %s"},
        {"name": "django.security.DisallowedHost", "level": logging.ERROR},
        {"name": REJECTED_MESSAGES, "level": logging.WARNING, "casino": 1, "reason": "malformed"},
    ],
)
def test_lines_about_rejections_are_limited(sampling, kind):
    assert passed(sampling, 10 * LINES_A_MINUTE, **kind) == LINES_A_MINUTE


@pytest.mark.parametrize(
    "kind",
    [
        {"status": 200, "route": "/config"},
        {"status": 503, "route": "/config"},
        {"name": "django.request", "level": logging.ERROR},
        {"name": "tenants.http.middleware", "level": logging.WARNING},
    ],
)
def test_other_lines_all_pass(sampling, kind):
    assert passed(sampling, 10 * LINES_A_MINUTE, **kind) == 10 * LINES_A_MINUTE


def test_a_flood_of_one_kind_hides_no_other(sampling):
    passed(sampling, 1_000, status=401, route="/config")
    assert passed(sampling, 1, status=403, route="/config") == 1


def test_a_casinos_rejected_messages_hide_no_others(sampling):
    passed(sampling, 1_000, name=REJECTED_MESSAGES, casino=1, reason="malformed")
    for casino, reason in ((2, "malformed"), (1, "incomplete")):
        assert passed(sampling, 1, name=REJECTED_MESSAGES, casino=casino, reason=reason) == 1


def test_many_kinds_are_bounded(sampling, monkeypatch):
    monkeypatch.setattr(log_sampling, "_KINDS", 10)
    assert sum(passed(sampling, 1, status=404, route=f"/{number}") for number in range(1_000)) <= 10 + LINES_A_MINUTE


def test_the_next_minute_tells_what_was_left_out(sampling, monkeypatch):
    passed(sampling, LINES_A_MINUTE + 25, status=401, route="/config")
    sampling._until = 0.0
    record = line(status=401, route="/config")
    assert sampling.filter(record)
    assert record.getMessage() == "/config (25 earlier lines about rejections were dropped)"
