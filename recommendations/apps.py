"""The data plane: a casino's users, events and coupons, and what to show whom."""

from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = "The chosen casino's data"
