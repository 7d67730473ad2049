"""Health checks, metrics and logs of the service."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        from recommendations.serving.recommendation import recommendation_served

        from .metrics import count_served

        recommendation_served.connect(count_served)
