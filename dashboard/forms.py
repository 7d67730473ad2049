"""How a casino wants its recommendations, as a form: each error at its own field."""

import json
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from recommendations.errors import InvalidConfiguration
from recommendations.recommenders.registry import DEFAULT, RECOMMENDERS
from recommendations.serving.options import DEFAULTS, Options, parse_options
from recommendations.serving.output_schema import FieldMapping, parse_schema, schema_as_json
from tenants.ids import MAX_ID
from tenants.models import Casino

MAX_LENGTH = 100_000
FIRST_SCHEMA = {
    "user_id": {"type": "int", "source_field": "user_id"},
    "stake": {"type": "float", "source_field": "stake"},
    "timestamp": {"type": "string", "source_field": "timestamp"},
    "recommended_events": {"type": "list", "source_field": "recommended_events"},
}


class JSONText(forms.CharField):
    """JSON, kept as text, so that what is wrong comes back as it was typed; `cleaned_data` has what it says."""

    def __init__(self, *, rows: int, **arguments: Any) -> None:
        attributes = {"rows": rows, "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
        super().__init__(max_length=MAX_LENGTH, widget=forms.Textarea(attrs=attributes), **arguments)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            read = json.loads(text, parse_constant=_refuse)
            json.dumps(read, ensure_ascii=False).encode()  # half a surrogate pair can't be written
        except json.JSONDecodeError as error:
            raise ValidationError(
                f"This is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
            ) from error
        except (ValueError, RecursionError) as error:
            raise ValidationError(
                "This is not JSON that can be kept: a number too long, half a character, or too deep."
            ) from error
        return read


class ConfigurationForm(forms.Form):
    """`schema` and `options` are what was typed, read. `seen` is the configuration that the person began with, and
    `user_id` whose answer to preview."""

    recommender_type = forms.ChoiceField(
        label="Recommender",
        choices=[(name, name) for name in RECOMMENDERS],
        help_text="Who chooses the events. “Try a user” shows all of them side by side.",
    )
    recommendation_schema = JSONText(
        rows=20,
        label="Recommendation schema",
        help_text="Your own field names: each with its type, and the source field that it is taken from.",
    )
    options = JSONText(
        rows=8,
        label="Options",
        required=False,
        help_text="What differs from the defaults; empty takes all options back.",
    )
    user_id = forms.IntegerField(
        label="Preview for the user", required=False, min_value=1, max_value=MAX_ID, help_text="The user's id."
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, data: Any = None, *, casino: Casino, user_id: int | None = None) -> None:
        initial = {
            "recommender_type": casino.recommender_type or DEFAULT,
            "recommendation_schema": as_text(casino.recommendation_schema or FIRST_SCHEMA),
            "options": as_text(casino.options) if casino.options else "",
            "user_id": user_id,
            "seen": as_seen(casino.timestamp),
        }
        super().__init__(initial if data is None else data, initial=initial, label_suffix="")
        self.schema: tuple[FieldMapping, ...] = ()
        self.parsed_options: Options = DEFAULTS
        for name in self.fields:
            self._describe(name)

    def clean_recommendation_schema(self) -> dict[str, Any]:
        try:
            self.schema = parse_schema(self.cleaned_data["recommendation_schema"])
        except InvalidConfiguration as error:
            raise ValidationError(str(error)) from error
        if not self.schema:
            raise ValidationError("Name at least one field.")
        return schema_as_json(self.schema)

    def clean_options(self) -> Any:
        try:
            self.parsed_options = parse_options(self.cleaned_data["options"])
        except InvalidConfiguration as error:
            raise ValidationError(str(error).removeprefix("options: ")) from error
        return self.cleaned_data["options"]

    def _describe(self, name: str) -> None:
        """Tell a reader of the screen what is written below the field, and whether it is wrong."""
        attributes = {"aria-describedby": f"id_{name}_help id_{name}_error"}
        if self.errors.get(name):
            attributes["aria-invalid"] = "true"
        self.fields[name].widget.attrs.update(attributes)


def as_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_seen(timestamp: datetime | None) -> str:
    return "" if timestamp is None else timestamp.isoformat()


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
