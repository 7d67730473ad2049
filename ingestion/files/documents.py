"""The mapping of a file of a feed's documents: one in a file, of this release, or the casino's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from ingestion.errors import UnreadableFile
from ingestion.mappings.errors import InvalidMapping, NoSuchMapping
from ingestion.mappings.format import Mapping
from ingestion.mappings.options import find_mapping
from ingestion.mappings.parse import parse_mapping
from ingestion.mappings.tree import read_yaml
from ingestion.topics import Topic
from ingestion.uploads.store import UploadedMessage
from recommendations.serving.options import load_options
from tenants.models import Casino

from .mapped import read_mapped

OWN = "own"  # the mapping of the casino's options


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A mapping, and what identifies it."""

    mapping: Mapping
    identity: bytes

    def messages(self, source: IO[bytes], *, is_lines: bool) -> Iterator[UploadedMessage]:
        """The file's messages; with `is_lines` each line is a document. Raises UnreadableFile."""
        return read_mapped(source, self.mapping, is_by_line=is_lines)


def file_mapping(given: str, casino: Casino, topic: Topic) -> FileMapping:
    """The mapping in a file, of a name, or the casino's own. Raises UnreadableFile."""
    try:
        if Path(given).is_file():
            text = Path(given).read_text(errors="replace")
            mapping, identity = parse_mapping(read_yaml(text, given), given), text.encode()
        else:
            stored = getattr(load_options(casino.options).mapping, topic.name) if given == OWN else given
            if stored is None:
                raise UnreadableFile(f"--mapping is {OWN}, but {casino}'s options have no mapping.{topic.name}")
            mapping, identity = find_mapping(topic.name, stored), msgspec.json.encode(stored)
    except (InvalidMapping, NoSuchMapping) as error:
        raise UnreadableFile(f"--mapping {given}: {error}") from error
    if mapping.messages != topic.name:
        raise UnreadableFile(f"--mapping {given} makes messages of {mapping.messages}, not of {topic.name}")
    return FileMapping(mapping, identity)
