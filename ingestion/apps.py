"""Kafka in and out."""

from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"
