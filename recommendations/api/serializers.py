"""The API's request bodies. `services.configure` validates configurations, the serializer only their structure."""

from typing import Any

from rest_framework import serializers

from recommendations.errors import InvalidRow
from recommendations.recommenders.registry import DEFAULT_RECOMMENDER, RECOMMENDERS
from recommendations.services import check_user_count
from recommendations.serving.options import all_options_as_json, load_options
from recommendations.serving.output_schema import DEFAULT_SCHEMA, schema_as_json
from recommendations.validation import strict_json
from recommendations.validation.own_ids import OwnId, own_id


class RecommenderField(serializers.ChoiceField):
    """Lists the known recommenders in forms, and passes on any value: the service rejects unknown ones."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class ObjectField(serializers.JSONField):
    """A JSON value; forms send it as text."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            is_text = getattr(data, "is_json_string", False)
            return super().to_internal_value(strict_json.loads(data) if is_text else data)
        except (ValueError, RecursionError):
            self.fail("invalid")


class IdField(serializers.Field[Any, Any, Any, Any]):
    """The casino's own id: a number, or text."""

    default_error_messages = {"invalid": "Not an id: {problem}."}

    def to_internal_value(self, data: Any) -> OwnId:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("invalid", problem="send a number, or text")
        try:
            return own_id("it", data)
        except InvalidRow as error:
            self.fail("invalid", problem=str(error))


class UserIdsField(serializers.ListField):
    """Checks the number of ids before it parses any, since a list may have hundreds of thousands."""

    child = IdField()

    def to_internal_value(self, data: Any) -> list[OwnId]:
        if isinstance(data, list):
            check_user_count(len(data))
        ids: list[OwnId] = super().to_internal_value(data)
        return ids


class UsersSerializer(serializers.Serializer[Any]):
    """The users of a batch."""

    user_ids = UserIdsField()


class ConfigurationSerializer(serializers.Serializer[Any]):
    """A configuration. Forms show the casino's current configuration, or the default one."""

    recommender_type = RecommenderField(
        choices=list(RECOMMENDERS), required=False, allow_null=True, allow_blank=True, initial=DEFAULT_RECOMMENDER
    )
    recommendation_schema = ObjectField(
        required=False,
        allow_null=True,
        initial=schema_as_json(DEFAULT_SCHEMA),
        help_text='Field name → type, or → {"type": .., "source_field": ..}.',
        style={"base_template": "textarea.html", "rows": 14},
    )
    options = ObjectField(
        required=False,
        allow_null=True,
        initial=all_options_as_json(load_options(None)),
        help_text="Limits, caps, blocked and pinned events; omitted, they are not changed. "
        "JSON Schema: /config/options.schema.json.",
        style={"base_template": "textarea.html", "rows": 14},
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        casino = getattr(self.context.get("view"), "casino", None)
        if casino is not None and casino.is_configured:
            fields["recommender_type"].initial = casino.recommender_type
            fields["recommendation_schema"].initial = casino.recommendation_schema
            fields["options"].initial = all_options_as_json(load_options(casino.options))
        return fields
