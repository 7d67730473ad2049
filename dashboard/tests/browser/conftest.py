"""A real Chromium, looking at a real server. Where it or Playwright is missing, these tests are skipped and say how to
get them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from dashboard.tests.conftest import fill
from tenants.models import Casino

PASSWORD = "seen only here"


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
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "Playwright is not installed: pip install -r requirements-dev.txt"
    if _chromium() is None:
        return "Chromium is not installed: apt-get install chromium"
    return ""


def _chromium() -> str | None:
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@pytest.fixture
def chromium(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Started anew for each test: while Playwright is there, its event loop runs in this thread, where Django would
    refuse to ask a database."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()
        connections.close_all()  # those that this thread opened while the loop was there are not its own after it


class Complaints(list[str]):
    """What a browser complained of (as of breaches of the content security policy) and asked of other hosts."""

    def elsewhere(self, url: str, server: str) -> None:
        if not url.startswith((f"{server}/", "data:")):
            self.append(f"asked elsewhere: {url}")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    found = Complaints()
    yield found
    assert found == []


@pytest.fixture
def open_page(chromium: Any, live_server: Any, complaints: Complaints) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser of its own; arguments as Playwright's `new_context` takes them."""
    contexts = []

    def _open(**arguments: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **arguments)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: complaints.elsewhere(request.url, live_server.url))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield _open
    for context in contexts:
        context.close()


@pytest.fixture
def casinos(casino_a: Casino, casino_b: Casino, now: Any) -> list[Casino]:
    """Alpha and Beta with rows of their own; "staff" may do everything."""
    for casino in (casino_a, casino_b):
        fill(casino, now)
    User.objects.create_superuser("staff", password=PASSWORD)
    return [casino_a, casino_b]


@pytest.fixture
def staff_page(open_page: Callable[..., Any], casinos: list[Casino]) -> Any:
    page = open_page()
    log_in(page)
    return page


def log_in(page: Any, path: str = "/") -> None:
    page.goto(path)
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**{path}")
