"""Content security policy: pages have no inline script or style and load nothing from another host."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.test import Client

from .conftest import staff_client, text_of

pytestmark = pytest.mark.covered

PAGES = (
    "/", "/casinos/1/", "/casinos/1/try/", "/casinos/1/try/?user=1", "/casinos/1/configuration/", "/casinos/1/prices/",
    "/casinos/1/feeds/", "/casinos/1/exposure/", "/casino/",
    "/casinos/1/sales/", "/casinos/1/experiments/",
    "/admin/login/",
)  # fmt: skip
ADMIN_PAGES = (
    "/admin/", "/admin/tenants/",
    "/admin/tenants/casino/", "/admin/tenants/casino/1/change/", "/admin/recommendations/user/",
    "/admin/ingestion/messagecount/", "/admin/auth/user/add/", "/admin/auth/user/", "/admin/auth/group/add/",
)  # fmt: skip
LOADING = {"src", "href", "action", "srcset", "poster", "data", "formaction"}


class PageParser(HTMLParser):
    """Collects the URLs that a page loads, and the elements that a strict content security policy would block."""

    def __init__(self, page):
        super().__init__()
        self.blocked, self.loaded, self._inside = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._inside = tag
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").startswith("javascript:"):
                self.blocked.append((tag, name, value))
            if name in LOADING:
                self.loaded.append(value or "")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside in {"script", "style"} and data.strip():
            self.blocked.append((self._inside, data))


def test_pages_have_no_inline_script_or_style(staff, filled):
    for path in PAGES:
        assert PageParser(text_of(Client() if "login" in path else staff, path)).blocked == [], path


@pytest.mark.exhaustive
def test_pages_load_nothing_from_another_host(staff, filled):
    for path in (*PAGES, *ADMIN_PAGES):
        if "admin" in path:
            staff.get("/casinos/1/")
        loaded = PageParser(text_of(Client() if "login" in path else staff, path)).loaded
        files = [url.removeprefix("/static/") for url in loaded if url.startswith("/static/")]
        assert files, path
        assert [url for url in loaded if re.match(r"(?i)([a-z]+:)?//", url)] == [], path
        assert [file for file in files if not finders.find(file)] == [], path


def test_static_files_load_nothing_from_another_host():
    files = [path for path in Path(apps.get_app_config("dashboard").path, "static").rglob("*") if path.is_file()]
    assert len(files) >= 5
    for path in files:
        found = re.findall(r"(?:url\(|import |fetch\(|src=|href=)\s*[\"']?(?:https?:)?//", path.read_text())
        assert found == [], path


@pytest.mark.covered
def test_side_bar_links_only_to_permitted_pages(staff, filled):
    def links(client):
        found = re.findall(r'<a href="(/[^"]*)"', text_of(client, "/casinos/1/").split("<nav")[1].split("</nav")[0])
        assert len(found) == len(set(found))
        return found

    for link in links(staff):
        assert staff.get(link).status_code == 200, link
    few = staff_client("tenants.view_casino")
    assert set(links(few)) == {"/", "/casinos/1/", "/casinos/1/feeds/", "/admin/tenants/casino/"}
    assert [few.get(link).status_code for link in links(few)] == [200, 200, 200, 200]


def test_staff_logins_are_created_in_the_admin(staff):
    password = "not-in-any-list-9"
    fields = {"username": "new", "password1": password, "password2": password, "usable_password": "true"}
    assert staff.post("/admin/auth/user/add/", fields).status_code == 302
    assert "new" in text_of(staff, "/admin/auth/user/")
    assert staff.login(username="new", password=password)


@pytest.mark.covered
def test_every_admin_list_and_index_shows_the_chosen_casino(staff, filled):
    staff.get("/casinos/2/")
    for path in ADMIN_PAGES:
        page = text_of(staff, path)
        assert ">Beta</" in re.sub(r"\s+", "", page) or '<option value="2" selected>' in page, path
        assert 'href="/">Recommendation service' in page, path
