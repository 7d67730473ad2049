"""docs/mapping.md matches the code."""

import re
from pathlib import Path

import msgspec
import pytest
from django.conf import settings

from ingestion.mappings.functions import FUNCTIONS
from ingestion.mappings.parse_rule import NO_DEFAULT
from ingestion.mappings.shipped import shipped_names
from ingestion.tests.mappings.mapping_of import mapped, mapping_of

TEXT = (Path(settings.BASE_DIR) / "docs" / "mapping.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_docs_have_every_function_with_its_meaning():
    rows = "".join(f"| `{name}` | {kind.meaning} |\n" for name, kind in FUNCTIONS.items())
    assert f"| --- | --- |\n{rows}\n" in TEXT, f"write this table:\n{rows}"


@pytest.mark.parametrize("number", [0, 1])
def test_an_example_of_the_docs_becomes_what_they_say(number):
    document, message = blocks("json")[2 * number : 2 * number + 2]
    mapping = blocks("yaml")[number]
    assert mapped(mapping_of(mapping), document.encode()) == [msgspec.json.decode(message)]


def test_docs_have_every_shipped_mapping_and_every_field_without_a_default():
    section = TEXT.partition("## Mappings of this release")[2]
    assert set(re.findall(r"`([a-z-]+)`", section)) >= set(shipped_names())
    assert {name for name in NO_DEFAULT if f"`{name}`" not in TEXT} == set()
