"""The mappings of known feeds, by name: one YAML file each."""

from functools import cache
from pathlib import Path

from ingestion.mappings.errors import NoSuchMapping
from ingestion.mappings.format import Mapping
from ingestion.mappings.parse import parse_mapping
from ingestion.mappings.tree import read_yaml, unknown

_FOLDER = Path(__file__).parent


@cache
def shipped_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def shipped_text(name: str) -> str:
    """The file of a shipped mapping. Raises NoSuchMapping."""
    if name not in shipped_names():
        raise NoSuchMapping(unknown(name, shipped_names(), "this release"))
    return (_FOLDER / f"{name}.yaml").read_text()


@cache
def shipped_mapping(name: str) -> Mapping:
    """The shipped mapping with this name. Raises NoSuchMapping."""
    return parse_mapping(read_yaml(shipped_text(name), f"{name}.yaml"), name)
