"""Definitions of experiments: what is refused, and how they are stored."""

import json
from pathlib import Path

import msgspec
import pytest

from recommendations.errors import InvalidExperiment
from recommendations.experiments.definition import (
    definition_as_json,
    definition_schema,
    load_definition,
    parse_definition,
)
from recommendations.serving.experiments.running import VARIANT_OPTIONS
from recommendations.serving.options import Options

from .definitions import ab, holdout, interleaving, variant

SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "experiment.schema.json"
ONE, OTHER = variant("one"), variant("other")

REFUSED = {
    "no name": ({"kind": "ab", "variants": [ONE, OTHER]}, "missing required field `name`"),
    "a name that no URL can have": (ab("Trees or not"), "matching regex"),
    "an unknown kind": (ab(kind="bandit"), "Invalid enum value 'bandit'"),
    "an unknown field": (ab(stake=3), "unknown field `stake`"),
    "one variant": (ab(variants=[variant("one", 0.9)]), "length >= 2"),
    "a name twice": (ab(variants=[ONE, ONE]), "two have the same name"),
    "shares below 1": (ab(variants=[ONE, variant("other", 0.4)]), "the shares sum to 0.9, not to 1"),
    "a share of too many decimals": (
        ab(variants=[variant("one", 0.33333), variant("other", 0.66667)]), "at most four decimals"
    ),
    "no traffic": (ab(traffic=0), "Expected `float` > 0"),
    "traffic above all": (ab(traffic=1.1), "Expected `float` <= 1"),
    "an unknown recommender": (
        ab(variants=[ONE, variant("other", recommender_type="best")]), "The best recommender_type isn't supported"
    ),
    "a naive time": (ab(starts_at="2026-06-01T00:00:00"), "timezone"),
    "an end before its start": (
        ab(starts_at="2026-06-02T00:00:00Z", stops_at="2026-06-01T00:00:00Z"), "stops_at must be after starts_at"
    ),
    "a holdout of three": (
        holdout(variants=[variant("a", 0.2), variant("b", 0.4), variant("c", 0.4)]), "a holdout has two variants"
    ),
    "a holdout with a recommender": (
        holdout(variants=[ONE, variant("other", recommender_type="static")]), "a holdout has two variants"
    ),
    "an interleaving of one recommender": (
        interleaving(variants=[variant("one", recommender_type="static"), OTHER]), "two variants, of two recommenders"
    ),
    "exploring too much": (ab(explore=0.3), "Expected `float` <= 0.2"),
    "an interleaving that explores": (interleaving(explore=0.1), "an interleaving draws no events"),
    "an interleaving with options": (
        interleaving(
            variants=[
                variant("one", recommender_type="static"),
                variant("other", recommender_type="soonest", options={"event_limit": 2}),
            ]
        ),
        "without options",
    ),
    "an interleaving of uneven shares": (
        interleaving(
            variants=[variant("a", 0.4, recommender_type="static"), variant("b", 0.6, recommender_type="soonest")]
        ),
        "a share of 0.5 each",
    ),
    "four slips for each answer": (
        ab(metric="influence", variants=[variant(name, 0.25) for name in "abcd"]), "at most 3 are compared"
    ),
    "an invalid option": (ab(variants=[ONE, variant("other", options={"event_limit": 21})]), "`int` <= 20"),
    "odds that no event can have": (
        ab(variants=[ONE, variant("other", options={"min_odd": 5.0})]), "min_odd must not be above max_odd"
    ),
    "no object": ([], "Expected `object`"),
}  # fmt: skip


@pytest.mark.parametrize(("definition", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_definition_is_refused_that_has(definition, problem):
    with pytest.raises(InvalidExperiment, match=problem):
        parse_definition(definition, {"max_odd": 4.0})


@pytest.mark.parametrize("name", sorted(set(Options.__struct_fields__) - set(VARIANT_OPTIONS)))
def test_no_variant_may_change_any_other_option(name):
    value = msgspec.to_builtins(getattr(Options(), name))
    with pytest.raises(InvalidExperiment, match=f"a variant may not change {name}, only event_limit, min_odd"):
        parse_definition(ab(variants=[ONE, variant("other", options={name: value})]), None)


def test_stakes_ages_and_blocked_events_are_not_among_the_options_of_a_variant():
    forbidden = (
        "stake",
        "age",
        "blocked",
        "currency",
        "catalogue",
        "lists_without_user",
        "only_markets",
        "feed",
        "price",
    )
    assert [name for name in VARIANT_OPTIONS if any(word in name for word in forbidden)] == []


def test_a_definition_is_stored_with_names_as_events_have_them():
    other = variant("other", options={"pinned": {"teams": ["Ajax"]}, "min_odd": 1.0, "max_per_sport": None})
    stored = definition_as_json(parse_definition(ab(variants=[ONE, other]), None))
    options = stored["variants"][1]["options"]
    assert options["pinned"]["teams"] == ["AJAX"]
    assert (options["min_odd"], options["max_per_sport"]) == (1.0, None)
    assert definition_as_json(load_definition(stored)) == stored


def test_a_definition_of_too_many_bytes_is_refused():
    pinned = {"teams": [f"{number:0>100}" for number in range(200)]}
    with pytest.raises(InvalidExperiment, match="bytes of JSON; use at most 16384"):
        parse_definition(ab(variants=[ONE, variant("other", options={"pinned": pinned})]), None)


def test_the_published_schema_is_that_of_the_code():
    assert json.loads(SCHEMA.read_text()) == json.loads(msgspec.json.encode(definition_schema()))
