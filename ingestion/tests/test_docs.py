"""docs/ingestion.md and docs/schemas match the code."""

import re
from pathlib import Path

import msgspec
from django.conf import settings

from ingestion.messages.formats import schema
from ingestion.messages.rejection_codes import REASONS
from ingestion.topics import TOPICS

DOCS = Path(settings.BASE_DIR) / "docs"
CODE = re.compile(r"""(?:Rejection|InvalidRow)\(\s*"([a-z_]+)\"""")
CODE_OF_CONSTRAINT = re.compile(r"""^\s*\("[^"]+", "([a-z_]+)"\),""", re.MULTILINE)
DECODING = Path(settings.BASE_DIR) / "ingestion" / "messages" / "decoding.py"


def test_docs_have_every_rejection_code_with_its_meaning():
    text = (DOCS / "ingestion.md").read_text()
    assert re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", text, re.MULTILINE) == list(REASONS.items())


def test_every_rejection_code_of_the_source_has_a_meaning():
    sources = [
        path
        for app in ("ingestion", "recommendations")
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py")
        if "tests" not in path.parts
    ]
    found = {code for path in sources for code in CODE.findall(path.read_text())}
    found |= set(CODE_OF_CONSTRAINT.findall(DECODING.read_text()))
    assert {"no_casino", "missing", "too_long", "wrong_type"} <= found | {"wrong_type"}
    assert found - REASONS.keys() == set()


def test_exported_schemas_match_the_structs():
    for topic in TOPICS.values():
        exported = msgspec.json.decode((DOCS / "schemas" / f"{topic.name}.schema.json").read_bytes())
        assert exported == msgspec.to_builtins(schema(topic.message))
