"""Ingestion in Django's admin: message counts and the ledger as tables, dead letters and parked messages as pages.

Django imports this package alone, so it imports the module that registers the tables.
"""

from . import counts

__all__ = ["counts"]
