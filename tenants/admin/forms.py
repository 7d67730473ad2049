"""Forms for casinos, servers, and the confirmation pages of actions."""

from pathlib import Path
from typing import Any

from django import forms

from tenants.errors import ServerRefused
from tenants.lifecycle.backup import backups_of
from tenants.lifecycle.restore import retired_databases
from tenants.lifecycle.server_registry import check_server
from tenants.models import Casino, DatabaseServer, ServerState
from tenants.names import MAX_LENGTH, validate_name
from tenants.numbers import parse_whole_number

ANY_SERVER = "any server with room"


class WholeNumberField(forms.IntegerField):
    """A whole number as `tenants.numbers` parses it; Django also accepts "1_0", "+1" and "1.0"."""

    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values or parse_whole_number(str(value).strip()) is not None:
            return super().to_python(value)
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")


class CasinoForm(forms.ModelForm[Casino]):
    class Meta:
        model = Casino
        fields = ("name", "request_rate", "request_bytes")
        field_classes = {"request_rate": WholeNumberField, "request_bytes": WholeNumberField}
        help_texts = {
            "request_rate": "Requests a second. Empty: API_REQUESTS_PER_SECOND; 0: no limit.",
            "request_bytes": "Per request. Empty: API_REQUEST_BYTES; 0: no limit.",
        }

    def clean_name(self) -> str:
        """Check that the name is free: Django skips the unique constraint, whose condition has a column that the form
        lacks."""
        name: str = self.cleaned_data["name"]
        validate_name(name)
        if Casino.objects.living().filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(f"A casino named {name!r} already exists.", code="taken")
        return name


class DatabaseServerForm(forms.ModelForm[DatabaseServer]):
    state = forms.ChoiceField(choices=ServerState.choices, initial=ServerState.OPEN)

    class Meta:
        model = DatabaseServer
        fields = ("name", "capacity", "state")
        field_classes = {"capacity": WholeNumberField}
        help_texts = {
            "name": "Its address is the environment variable DATABASE_SERVER_<NAME>_URL.",
            "capacity": "The most casinos; empty means no limit.",
        }

    def clean_name(self) -> str:
        name: str = DatabaseServer._meta.get_field("name").clean(self.cleaned_data["name"], None)
        try:
            check_server(name)
        except ServerRefused as error:
            raise forms.ValidationError(str(error), code="refused") from error
        return name


class MoveForm(forms.Form):
    server = forms.ModelChoiceField(DatabaseServer.objects.order_by("name"), label="Target server")


class DeleteForm(forms.Form):
    backup = forms.BooleanField(
        initial=True, required=False, label="Back up first", help_text="If the backup fails, the casino is not deleted."
    )


class CloneForm(forms.Form):
    name = forms.CharField(max_length=MAX_LENGTH, validators=[validate_name], label="Name of the new casino")
    server = forms.ModelChoiceField(
        DatabaseServer.objects.order_by("name"), required=False, empty_label=ANY_SERVER, label="Server"
    )


class RestoreForm(forms.Form):
    """`source`, cleaned, is a backup's folder, or the number of a retired generation."""

    source = forms.ChoiceField(label="Restore to")

    def __init__(self, data: Any, *, casino: Casino) -> None:
        super().__init__(data)
        self._sources: dict[str, tuple[Path | int, str]] = {
            **{f"generation:{each.generation}": _generation(each) for each in retired_databases(casino)},
            **{f"backup:{each.folder}": _backup(each) for each in backups_of(casino)},
        }
        source: Any = self.fields["source"]
        source.choices = [(key, label) for key, (_, label) in self._sources.items()]

    def clean_source(self) -> Path | int:
        return self._sources[self.cleaned_data["source"]][0]


def _generation(database: Any) -> tuple[Path | int, str]:
    return database.generation, f"retired generation {database.generation} ({database})"


def _backup(backup: Any) -> tuple[Path | int, str]:
    manifest = backup.manifest
    return backup.folder, f"backup of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, generation {manifest.generation}"
