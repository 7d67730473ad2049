"""The data plane: a casino's users, events and coupons, and the recommendations."""

from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = "The chosen casino's data"
