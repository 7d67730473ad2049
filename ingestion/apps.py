"""Kafka: storing messages, and publishing served recommendations."""

from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"

    def ready(self) -> None:
        from recommendations.serving.recommendation import recommendation_served
        from tenants.lifecycle.doctor.installation import INSTALLATION_SYMPTOMS

        from .kafka.settings_check import check_settings
        from .producers.publisher import publisher
        from .status.doctor import parked_messages

        check_settings()
        INSTALLATION_SYMPTOMS.append(parked_messages)
        recommendation_served.connect(publisher.publish)
