"""The definition of an experiment, posted by casinos. `definition_schema()` is its JSON Schema."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from recommendations.errors import InvalidConfiguration, InvalidExperiment
from recommendations.recommenders.registry import RECOMMENDERS, get_recommender
from recommendations.serving.experiments.assignment import PARTS
from recommendations.serving.experiments.running import (
    VARIANT_OPTIONS,
    Kind,
    Metric,
    StoredVariant,
    options_of_variant,
)
from recommendations.serving.options import all_options_as_json, options_schema, parse_options
from recommendations.validation.placements import PLACEMENT_PATTERN

MAX_VARIANTS = 5
MAX_COMPARED = 3  # variants whose slips are all computed for each answer
MAX_BYTES = 16_384
MAX_MARGIN = 0.5
MAX_EXPLORED = 0.2  # share of slips whose last event is drawn

Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
Placement = Annotated[str, Meta(pattern=PLACEMENT_PATTERN)]
Time = Annotated[datetime, Meta(tz=True)]
Part = Annotated[float, Meta(gt=0, le=1)]


class Guard(StrEnum):
    """A quantity that must not get worse while an experiment runs."""

    STAKES = "stakes"
    BET_DAYS = "bet_days"
    EMPTY = "empty"
    REFUSED = "refused"
    LATENCY = "latency"


class VariantDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A variant; without `recommender_type` and `options`, it has the casino's own."""

    name: Name
    share: Annotated[float, Meta(gt=0, lt=1, description="Share of the users who take part; at most four decimals.")]
    recommender_type: str | None = None
    options: dict[str, Any] = {}


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An experiment. Its first variant is the control, with which the others are compared."""

    name: Name
    kind: Annotated[
        Kind,
        Meta(
            description="ab: variants show different slips. holdout: the first variant gets no recommendations. "
            "interleave: each user gets one slip of the recommenders of both variants."
        ),
    ]
    variants: Annotated[tuple[VariantDefinition, ...], Meta(min_length=2, max_length=MAX_VARIANTS)]
    traffic: Annotated[
        Part, Meta(description="Share of all users who take part; at most four decimals. It can only be increased.")
    ] = 1.0
    placement: Annotated[
        Placement | None, Meta(description="Only requests with this placement; absent: all requests.")
    ] = None
    metric: Annotated[Metric, Meta(description="The variants are compared by this metric.")] = Metric.INFLUENCE
    second_metric: Annotated[
        Metric | None, Meta(description="A further metric, reported without a verdict; not in an interleaving.")
    ] = None
    margin: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_MARGIN)] | None,
        Meta(description="The loss to be excluded for the verdict no_worse: 0.05 is 5 %."),
    ] = None
    planned_days: Annotated[int, Meta(ge=7, le=56, description="A result is expected after this number of days.")] = 28
    starts_at: Annotated[Time | None, Meta(description="Absent: the time of the request to start it.")] = None
    stops_at: Annotated[Time | None, Meta(description="Absent: the time of the request to stop it.")] = None
    explore: Annotated[
        float,
        Meta(
            ge=0,
            le=MAX_EXPLORED,
            description="The probability that the last event of a slip is drawn uniformly from its 5 best candidates, "
            "so that other policies can be estimated; not in an interleaving.",
        ),
    ] = 0.0
    guards: Annotated[tuple[Guard, ...], Meta(description="The quantities that must not get worse.")] = tuple(Guard)
    auto_stop: Annotated[bool, Meta(description="Stop the experiment when a guard is broken.")] = True

    def __post_init__(self) -> None:
        names = [each.name for each in self.variants]
        if len(set(names)) < len(names):
            raise ValueError(f"variants: two have the same name ({', '.join(names)}); use different names")
        _require_parts("traffic", self.traffic)
        for each in self.variants:
            _require_parts(f"share of {each.name}", each.share)
        total = sum(parts_of(each.share) for each in self.variants)
        if total != PARTS:
            raise ValueError(f"variants: the shares sum to {total / PARTS}, not to 1")
        if self.starts_at is not None and self.stops_at is not None and self.stops_at <= self.starts_at:
            raise ValueError("stops_at must be after starts_at")
        if self.second_metric is self.metric:
            raise ValueError(f"second_metric is {self.metric} like metric: name another one, or leave it out")
        _require_fit(self)

    def stored_variants(self) -> tuple[StoredVariant, ...]:
        return tuple(
            StoredVariant(each.name, parts_of(each.share), each.recommender_type, each.options)
            for each in self.variants
        )


def parts_of(share: float) -> int:
    """A share in ten thousandths."""
    return round(share * PARTS)


def _require_parts(what: str, share: float) -> None:
    if abs(share * PARTS - parts_of(share)) > 1e-6 or not parts_of(share):
        raise ValueError(f"{what} is {share}; use at most four decimals, and at least {1 / PARTS:.4f}")


def _require_fit(definition: Definition) -> None:
    """Raises ValueError for variants that the kind or the metric does not allow."""
    variants = definition.variants
    if definition.kind is Kind.HOLDOUT:
        if len(variants) != 2 or any(each.recommender_type or each.options for each in variants):
            raise ValueError("a holdout has two variants, without recommender_type and options: the first is withheld")
    elif definition.kind is Kind.INTERLEAVE:
        names = {each.recommender_type for each in variants}
        if len(variants) != 2 or len(names - {None}) != 2 or any(each.options for each in variants):
            raise ValueError("an interleaving has two variants, of two recommenders, without options")
        if variants[0].share != variants[1].share:
            raise ValueError("the variants of an interleaving have a share of 0.5 each")
        if definition.second_metric is not None or definition.margin is not None:
            raise ValueError("an interleaving counts credits: leave out second_metric and margin")
        if definition.explore:
            raise ValueError("explore: an interleaving draws no events; leave it out")
    elif definition.metric is Metric.INFLUENCE and len(variants) > MAX_COMPARED:
        raise ValueError(f"variants: by the metric influence, at most {MAX_COMPARED} are compared; use bet_days")


def parse_definition(raw: object, casino_options: Mapping[str, Any] | None) -> Definition:
    """Parse a posted definition, for a casino with these stored options. Raises InvalidExperiment, which names the
    field."""
    try:
        definition = msgspec.convert(raw, Definition)
        variants = tuple(_checked(variant, casino_options) for variant in definition.variants)
    except (msgspec.ValidationError, InvalidConfiguration, ValueError) as error:
        raise InvalidExperiment(f"experiment: {error}") from error
    definition = msgspec.structs.replace(definition, variants=variants)
    size = len(msgspec.json.encode(definition))
    if size > MAX_BYTES:
        raise InvalidExperiment(f"experiment: it has {size} bytes of JSON; use at most {MAX_BYTES}")
    return definition


def _checked(variant: VariantDefinition, casino_options: Mapping[str, Any] | None) -> VariantDefinition:
    """The variant with its options in their stored form. Raises InvalidConfiguration, ValueError,
    msgspec.ValidationError."""
    if variant.recommender_type is not None:
        get_recommender(variant.recommender_type)
    options_of_variant({}, variant.options)
    stored = all_options_as_json(parse_options(variant.options))
    options = {name: stored[name] for name in variant.options}
    options_of_variant(casino_options, options)
    return msgspec.structs.replace(variant, options=options)


def definition_as_json(definition: Definition) -> dict[str, Any]:
    """The JSON that the catalogue stores."""
    return msgspec.json.decode(msgspec.json.encode(definition), type=dict[str, Any])


def load_definition(stored: Mapping[str, Any]) -> Definition:
    return msgspec.convert(stored, Definition)


def definition_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an experiment's definition."""
    schema, options = msgspec.json.schema(Definition), options_schema()["$defs"]
    allowed = {name: dict(options["Options"]["properties"][name]) for name in VARIANT_OPTIONS}
    for each in allowed.values():
        each.pop("default", None)  # an absent option has the casino's value
    schema["$defs"]["VariantOptions"] = {
        "title": "VariantOptions",
        "description": "The casino's options that a variant may change.",
        "type": "object",
        "properties": allowed,
        "required": [],
        "additionalProperties": False,
    }
    schema["$defs"]["Selectors"] = options["Selectors"]
    variant = schema["$defs"]["VariantDefinition"]["properties"]
    variant["options"] = {"$ref": "#/$defs/VariantOptions"}
    variant["recommender_type"] = {"enum": [*RECOMMENDERS, None], "default": None}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
