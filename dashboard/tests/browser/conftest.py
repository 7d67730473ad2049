"""Fixtures of the tests in a real Chromium. Without Chromium or Playwright, the tests are skipped with an installation
hint."""

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from dashboard.tests.conftest import fill
from ingestion.tests.conftest import broker
from tenants.models import Casino

__all__ = ["broker"]  # a fixture

PASSWORD = "only for tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _missing()
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker("browser")
            item.add_marker("no_cover")
            item.add_marker(pytest.mark.django_db(transaction=True, databases=["default", "casino_1", "casino_2"]))
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


def _missing() -> str:
    if find_spec("playwright") is None:
        return "Playwright is not installed: pip install -r requirements-dev.txt"
    if _chromium() is None:
        return "Chromium is not installed: apt-get install chromium"
    return ""


def _chromium() -> str | None:
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@pytest.fixture(scope="package")
def chromium(django_db_setup: None) -> Iterator[Any]:
    """One browser for this folder: its start takes as long as seven pages. While Playwright runs, its event loop is in
    this thread, in which Django refuses database queries unless allowed."""
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()
        connections.close_all()  # connections opened inside the event loop can't be used after it


class BrowserErrors(list[str]):
    """Console errors (such as violations of the content security policy) and requests to other hosts."""

    def add_request(self, url: str, server: str) -> None:
        if not url.startswith((f"{server}/", "data:")):
            self.append(f"request to another host: {url}")


@pytest.fixture
def browser_errors() -> Iterator[BrowserErrors]:
    found = BrowserErrors()
    yield found
    assert found == []


@pytest.fixture
def open_page(chromium: Any, live_server: Any, browser_errors: BrowserErrors) -> Iterator[Callable[..., Any]]:
    """Opens a page in its own browser context; with `staff`, logged in as the superuser "staff". Other arguments: as
    for Playwright's `new_context`."""
    contexts = []

    def _open(*, staff: bool = False, **arguments: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **arguments)
        if staff:
            context.add_cookies([{**session_of("staff"), "url": live_server.url}])
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: browser_errors.add_request(request.url, live_server.url))
        page.on("console", lambda message: browser_errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: browser_errors.append(str(error)))
        return page

    yield _open
    for context in contexts:
        context.close()


@pytest.fixture
def casinos(casino_a: Casino, casino_b: Casino, now: Any) -> list[Casino]:
    """Alpha and Beta with their own rows, and the superuser "staff"."""
    for casino in (casino_a, casino_b):
        fill(casino, now)
    User.objects.create_superuser("staff", password=PASSWORD)
    return [casino_a, casino_b]


@pytest.fixture
def staff_page(open_page: Callable[..., Any], casinos: list[Casino]) -> Any:
    """The overview, opened by the superuser "staff"."""
    page = open_page(staff=True)
    page.goto("/")
    return page


def session_of(name: str) -> dict[str, str]:
    """The session cookie of this user, logged in."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    return {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}


def log_in(page: Any, path: str = "/") -> None:
    page.goto(path)
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**{path}")
