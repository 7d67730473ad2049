"""How an operator sees the service: health, metrics, logs."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        from recommendations.serving.served import recommendation_served

        from .metrics import count_served

        recommendation_served.connect(count_served)
