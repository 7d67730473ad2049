"""The forms of a casino's configuration, with errors at their fields, and of its feeds' buttons."""

import json
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from recommendations.errors import InvalidConfiguration
from recommendations.recommenders.registry import DEFAULT_RECOMMENDER, RECOMMENDERS
from recommendations.serving.options import DEFAULTS, Options, parse_options
from recommendations.serving.output_schema import DEFAULT_SCHEMA, FieldMapping, parse_schema, schema_as_json
from recommendations.validation import strict_json
from recommendations.validation.fields import MAX_TEXT
from recommendations.validation.own_ids import MAX_ID_TEXT, OwnId, parse_own_id
from tenants.models import Casino

MAX_LENGTH = 100_000


class JSONText(forms.CharField):
    """JSON edited as text, so that invalid input is shown unchanged. `cleaned_data` has the parsed value."""

    def __init__(self, *, rows: int, **arguments: Any) -> None:
        attributes = {"rows": rows, "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
        super().__init__(max_length=MAX_LENGTH, widget=forms.Textarea(attrs=attributes), **arguments)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            parsed = strict_json.loads(text)
            json.dumps(parsed, ensure_ascii=False).encode()  # PostgreSQL refuses a lone surrogate
        except json.JSONDecodeError as error:
            raise ValidationError(f"Not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
        except (ValueError, RecursionError) as error:
            raise ValidationError(
                "Not JSON, or not storable: a name occurs twice, a number is too long, a character is invalid, or the "
                "nesting is too deep."
            ) from error
        return parsed


class OwnIdField(forms.CharField):
    """A casino's own id. `cleaned_data` has a number, text or None."""

    def clean(self, value: Any) -> OwnId | None:
        text = super().clean(value)
        if not text:
            return None
        own = parse_own_id(text)
        if own is None:
            raise ValidationError("Enter an id: a number, or other printable text.")
        return own


class ConfigurationForm(forms.Form):
    """`schema`, `parsed_options`: the parsed input. `version`: of the configuration when the page was loaded.
    `user_id`: the user of the preview."""

    recommender_type = forms.ChoiceField(
        label="Recommender",
        choices=[(name, name) for name in RECOMMENDERS],
        help_text="The algorithm that chooses the events. “Try a user” compares all of them.",
    )
    recommendation_schema = JSONText(
        rows=20,
        label="Recommendation schema",
        help_text="The fields of the API response: for each name its type and source field.",
    )
    options = JSONText(
        rows=8,
        label="Options",
        required=False,
        help_text="Only options that differ from their default. Empty: all defaults.",
    )
    user_id = OwnIdField(
        label="Preview for user", required=False, max_length=MAX_ID_TEXT, help_text="The casino's own id of the user."
    )
    version = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, data: Any = None, *, casino: Casino, user_id: OwnId | None = None) -> None:
        initial = {
            "recommender_type": casino.recommender_type or DEFAULT_RECOMMENDER,
            "recommendation_schema": as_text(casino.recommendation_schema or schema_as_json(DEFAULT_SCHEMA)),
            "options": as_text(casino.options) if casino.options else "",
            "user_id": user_id,
            "version": as_version(casino.timestamp),
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
            raise ValidationError("The schema needs at least one field.")
        return schema_as_json(self.schema)

    def clean_options(self) -> Any:
        try:
            self.parsed_options = parse_options(self.cleaned_data["options"])
        except InvalidConfiguration as error:
            raise ValidationError(str(error).removeprefix("options: ")) from error
        return self.cleaned_data["options"]

    def _describe(self, name: str) -> None:
        """Link the field to its help and error texts for screen readers."""
        attributes = {"aria-describedby": f"id_{name}_help id_{name}_error"}
        if self.errors.get(name):
            attributes["aria-invalid"] = "true"
        self.fields[name].widget.attrs.update(attributes)


class FeedForm(forms.Form):
    """A button of the page *Feeds*. `forget` applies to one partition, the other actions to the whole producer."""

    action = forms.ChoiceField(choices=[(name, name) for name in ("close", "reopen", "forget")])
    producer = forms.CharField(max_length=MAX_TEXT)
    partition = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if (cleaned.get("action") == "forget") != (cleaned.get("partition") is not None):
            raise ValidationError("Name a partition for the action forget, and for no other.")
        return cleaned


def as_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_version(timestamp: datetime | None) -> str:
    return "" if timestamp is None else timestamp.isoformat()
