"""Ingestion's management commands, and their base classes."""
