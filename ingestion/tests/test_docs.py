"""docs/ingestion.md and docs/schemas match the code."""

import re
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from ingestion.messages.rejection_codes import REASONS
from ingestion.topics import TOPICS
from recommendations.validation.status_words import EVENT_WORDS, USER_WORDS

DOCS = Path(settings.BASE_DIR) / "docs"
CODE = re.compile(r"""(?:Rejection|InvalidRow)\(\s*"([a-z_]+)\"""")
CODE_OF_CONSTRAINT = re.compile(r"""^\s*\("[^"]+", "([a-z_]+)"\),""", re.MULTILINE)
DECODING = Path(settings.BASE_DIR) / "ingestion" / "messages" / "problems.py"


def test_docs_have_every_rejection_code_with_its_meaning():
    text = (DOCS / "ingestion.md").read_text()
    assert re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|$", text, re.MULTILINE) == list(REASONS.items())


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


def test_the_command_exports_the_schemas_of_the_docs(tmp_path):
    call_command("export_message_schemas", str(tmp_path / "new folder"))
    exported = {path.name: path.read_bytes() for path in (tmp_path / "new folder").iterdir()}
    assert exported == {path.name: path.read_bytes() for path in (DOCS / "schemas").iterdir()}
    assert exported.keys() == {f"{name}.schema.json" for name in [*TOPICS, "options", "experiment"]}


def table_of_words(words):
    """The rows of a table of the docs: each status with its words."""
    statuses = dict.fromkeys(words.values())
    listed = {status: [f"`{word}`" for word, meant in words.items() if meant == status] for status in statuses}
    return "\n".join(f"| {status.lower()} | {', '.join(found)} |" for status, found in listed.items())


def test_docs_have_each_word_for_a_status():
    text = (DOCS / "ingestion.md").read_text()
    for words in (EVENT_WORDS, USER_WORDS):
        assert f"| --- | --- |\n{table_of_words(words)}\n\n" in text, f"write this table:\n{table_of_words(words)}"
