"""Kafka: storing messages, and publishing served recommendations."""

from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"

    def ready(self) -> None:
        from recommendations.serving.recommendation import recommendation_served

        from .producers.publisher import publisher

        recommendation_served.connect(publisher.publish)
