"""The demo: three casinos, real fixtures through Kafka, recommendations over HTTP."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "demo"
