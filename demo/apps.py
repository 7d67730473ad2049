"""The main job shown on real fixtures: three casinos, messages through the topics, recommendations over HTTP."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "demo"
