"""The actions of the admin's list of casinos: each calls one service per casino."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db import DatabaseError, connections
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.template.response import TemplateResponse

from tenants.current_casino import CATALOGUE
from tenants.errors import TenancyError
from tenants.lifecycle.backup import back_up
from tenants.lifecycle.clone import clone_casino
from tenants.lifecycle.create import provision
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.move import move_casino
from tenants.lifecycle.restore import restore_casino, restore_generation
from tenants.lifecycle.suspend import resume_casino, suspend_casino
from tenants.models import Casino
from tenants.postgresql.wait_budget import waiting_within

from .forms import CloneForm, DeleteForm, MoveForm, RestoreForm
from .theme import ModelAdmin

CasinoAction = Callable[[Casino], str]  # returns a message


class CasinoActions(ModelAdmin[Casino]):
    """The actions. An error for one casino becomes a message and does not stop the others."""

    actions = ("finish_provisioning", "suspend", "resume", "back_up", "move", "clone", "restore", "delete")

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Whether the user may delete casinos. Only the action `delete` does: it drops databases, which Django's own
        does not."""
        codename = get_permission_codename("delete", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    @admin.action(description="Finish creating the database", permissions=["change"])
    def finish_provisioning(self, request: HttpRequest, queryset: QuerySet[Casino]) -> None:
        self.run_for_each(request, queryset, _finish)

    @admin.action(description="Suspend", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Casino]) -> None:
        self.run_for_each(request, queryset, _suspend)

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Casino]) -> None:
        self.run_for_each(request, queryset, _resume)

    @admin.action(description="Back up", permissions=["change"])
    def back_up(self, request: HttpRequest, queryset: QuerySet[Casino]) -> None:
        self.run_for_each(request, queryset, lambda casino: f"{casino} is backed up in {back_up(casino).folder}.")

    @admin.action(description="Move to another server…", permissions=["change"])
    def move(self, request: HttpRequest, queryset: QuerySet[Casino]) -> TemplateResponse | None:
        form = MoveForm(_confirmed_data(request))
        if form.is_valid():
            self.run_for_each(request, queryset, lambda casino: _move(casino, form.cleaned_data["server"].name))
            return None
        consequence = (
            "While a casino moves, its requests are served, but nothing is stored for it. Its old database is kept, "
            "closed, until it is pruned."
        )
        return self._confirmation(
            request,
            queryset,
            form,
            action="move",
            title="Move to another server",
            consequence=consequence,
            detail=_place,
        )

    @admin.action(description="Clone…", permissions=["add"])
    def clone(self, request: HttpRequest, queryset: QuerySet[Casino]) -> TemplateResponse | None:
        if not self._is_one(request, queryset):
            return None
        form = CloneForm(_confirmed_data(request))
        if form.is_valid():
            server = form.cleaned_data["server"]
            self.run_for_each(
                request, queryset, lambda casino: _clone(casino, form.cleaned_data["name"], server and server.name)
            )
            return None
        consequence = "Creates a casino with a copy of all rows and of the configuration; this one stays in service."
        return self._confirmation(
            request, queryset, form, action="clone", title="Clone", consequence=consequence, detail=_place
        )

    @admin.action(description="Restore…", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Casino]) -> TemplateResponse | None:
        if not self._is_one(request, queryset):
            return None
        form = RestoreForm(_confirmed_data(request), casino=queryset.get())
        if form.is_valid():
            self.run_for_each(request, queryset, lambda casino: _restore(casino, form.cleaned_data["source"]))
            return None
        consequence = (
            "Restores the casino's former state. Rows stored since then stay only in its current database, which is "
            "kept, closed, until it is pruned."
        )
        return self._confirmation(
            request, queryset, form, action="restore", title="Restore", consequence=consequence, detail=_place
        )

    @admin.action(description="Delete…", permissions=["end"])
    def delete(self, request: HttpRequest, queryset: QuerySet[Casino]) -> TemplateResponse | None:
        form = DeleteForm(_confirmed_data(request))
        if form.is_valid():
            self.run_for_each(request, queryset, lambda casino: _delete(casino, backup=form.cleaned_data["backup"]))
            return None
        consequence = (
            "Deletes these casinos permanently: their requests get 404, and these databases are dropped. Only a backup "
            "can restore them."
        )
        return self._confirmation(
            request, queryset, form, action="delete", title="Delete", consequence=consequence, detail=_databases
        )

    def run_for_each(self, request: HttpRequest, casinos: Iterable[Casino], action: CasinoAction) -> None:
        """Run the action for each casino, and show its message or its error."""
        for casino in casinos:
            try:
                with _waiting_without_limit():  # copying a database may take longer than a request's budget
                    done = action(casino)
            except (TenancyError, DatabaseError, OSError) as error:
                text = str(error).strip()
                messages.error(request, text if str(casino) in text else f"{casino}: {text}")
            else:
                self.log_change(request, casino, done)
                messages.success(request, done)

    def _is_one(self, request: HttpRequest, queryset: QuerySet[Casino]) -> bool:
        is_one = queryset.count() == 1
        if not is_one:
            messages.error(request, "Select one casino only.")
        return is_one

    def _confirmation(
        self,
        request: HttpRequest,
        queryset: QuerySet[Casino],
        form: Form,
        *,
        action: str,
        title: str,
        consequence: str,
        detail: Callable[[Casino], str],
    ) -> TemplateResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "consequence": consequence,
            "casinos": [(casino, detail(casino)) for casino in queryset],
            "action": action,
            "form": form,
            "button": f"{title} now",
            "is_final": action == "delete",
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/tenants/casino/confirm.html", context)


@contextmanager
def _waiting_without_limit() -> Iterator[None]:
    """Run the block without time limits for its statements, in this process and on the servers."""
    with waiting_within(None):
        _reconnect_to_catalogue()
        try:
            yield
        finally:
            _reconnect_to_catalogue()


def _reconnect_to_catalogue() -> None:
    """Close the thread's connection to the catalogue: its session has the time-outs of the earlier budget."""
    catalogue = connections[CATALOGUE]
    if not catalogue.in_atomic_block:
        catalogue.close()


def _confirmed_data(request: HttpRequest) -> Any:
    """The confirmation page's form data; None if the page has not been shown yet."""
    return request.POST if "confirmed" in request.POST else None


def _finish(casino: Casino) -> str:
    provision(casino)
    return f"{casino} is ready: database {casino.db_name}."


def _suspend(casino: Casino) -> str:
    suspend_casino(casino)
    return f"{casino} is suspended."


def _resume(casino: Casino) -> str:
    resume_casino(casino)
    return f"{casino} is active."


def _move(casino: Casino, server: str) -> str:
    move_casino(casino, server)
    return f"{casino} is on {casino.server_id}."


def _clone(casino: Casino, name: str, server: str | None) -> str:
    return f"{clone_casino(casino, name, server=server)} is a copy of {casino}."


def _restore(casino: Casino, source: Path | int) -> str:
    if isinstance(source, int):
        restore_generation(casino, source)
    else:
        restore_casino(casino, source)
    return f"{casino} is restored: generation {casino.generation}."


def _delete(casino: Casino, *, backup: bool) -> str:
    last_backup = delete_casino(casino, backup=backup)
    return f"{casino} is deleted; its last backup is {last_backup.folder}." if last_backup else f"{casino} is deleted."


def _place(casino: Casino) -> str:
    return f"{casino.state}, on {casino.server_id}" if casino.server_id else casino.state


def _databases(casino: Casino) -> str:
    names = ", ".join(str(database) for database in casino.databases.order_by("generation"))
    return f"{casino.state}, {names or 'no database'}"
