"""`manage.py export_message_schemas FOLDER`: exports the formats of messages, options and experiments."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingestion.api.schema_documents import encode_document, encoded_schema
from ingestion.topics import TOPICS
from recommendations.experiments.definition import definition_schema
from recommendations.serving.options import options_schema


class Command(BaseCommand):
    help = "Write the JSON Schema of each topic's messages, of options and of experiments to FOLDER/<name>.schema.json."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        schemas = {name: encoded_schema(name) for name in TOPICS}
        schemas["options"] = encode_document(options_schema())
        schemas["experiment"] = encode_document(definition_schema())
        for name, exported in schemas.items():
            path = folder / f"{name}.schema.json"
            path.write_bytes(exported)
            self.stdout.write(str(path))
