"""Kafka in and out."""

from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"

    def ready(self) -> None:
        from recommendations.serving.served import listen

        from .publishing import publish

        listen(publish)
