"""Pages that need nobody else's help: no inline script or style, and nothing from another host."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.test import Client

from .conftest import staff_client, text_of

PAGES = (
    "/", "/casinos/1/", "/casinos/1/try/", "/casinos/1/try/?user=1", "/casinos/1/configuration/", "/casino/",
    "/admin/login/",
)  # fmt: skip
OF_THE_ADMIN = (
    "/admin/", "/admin/tenants/",
    "/admin/tenants/casino/", "/admin/tenants/casino/1/change/", "/admin/recommendations/user/",
    "/admin/ingestion/messagecount/", "/admin/auth/user/add/", "/admin/auth/user/", "/admin/auth/group/add/",
)  # fmt: skip
LOADING = {"src", "href", "action", "srcset", "poster", "data", "formaction"}


class Reader(HTMLParser):
    """Collects what a page loads, and what a strict content security policy would refuse."""

    def __init__(self, page):
        super().__init__()
        self.refused, self.loaded, self._inside = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._inside = tag
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").startswith("javascript:"):
                self.refused.append((tag, name, value))
            if name in LOADING:
                self.loaded.append(value or "")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside in {"script", "style"} and data.strip():
            self.refused.append((self._inside, data))


@pytest.mark.parametrize("path", PAGES)
def test_no_page_of_ours_has_an_inline_script_or_style(staff, filled, path):
    assert Reader(text_of(Client() if "login" in path else staff, path)).refused == []


@pytest.mark.parametrize("path", [*PAGES, *OF_THE_ADMIN])
def test_no_page_loads_anything_from_another_host(staff, filled, path):
    if "admin" in path:
        staff.get("/casinos/1/")
    loaded = Reader(text_of(Client() if "login" in path else staff, path)).loaded
    assert any(url.startswith("/static/") for url in loaded)
    assert [url for url in loaded if re.match(r"(?i)([a-z]+:)?//", url)] == []
    missing = [url for url in loaded if url.startswith("/static/") and not finders.find(url.removeprefix("/static/"))]
    assert missing == []


def test_no_file_of_ours_asks_another_host_either():
    files = [path for path in Path(apps.get_app_config("dashboard").path, "static").rglob("*") if path.is_file()]
    assert len(files) >= 5
    for path in files:
        found = re.findall(r"(?:url\(|import |fetch\(|src=|href=)\s*[\"']?(?:https?:)?//", path.read_text())
        assert found == [], path


def test_the_side_bar_offers_what_may_be_opened_and_nothing_else(staff, filled):
    def links(client):
        found = re.findall(r'<a href="(/[^"]*)"', text_of(client, "/casinos/1/").split("<nav")[1].split("</nav")[0])
        assert len(found) == len(set(found))
        return found

    for link in links(staff):
        assert staff.get(link).status_code == 200, link
    few = staff_client("tenants.view_casino")
    assert set(links(few)) == {"/", "/casinos/1/", "/admin/tenants/casino/"}
    assert [few.get(link).status_code for link in links(few)] == [200, 200, 200]


def test_staff_logins_are_made_in_the_admin(staff):
    password = "not-in-any-list-9"
    fields = {"username": "new", "password1": password, "password2": password, "usable_password": "true"}
    assert staff.post("/admin/auth/user/add/", fields).status_code == 302
    assert "new" in text_of(staff, "/admin/auth/user/")
    assert staff.login(username="new", password=password)


@pytest.mark.parametrize("path", OF_THE_ADMIN)
def test_every_admin_list_and_index_says_which_casino_is_chosen(staff, filled, path):
    staff.get("/casinos/2/")
    page = text_of(staff, path)
    assert ">Beta</" in re.sub(r"\s+", "", page) or '<option value="2" selected>' in page
    assert 'href="/">Recommendation service' in page
