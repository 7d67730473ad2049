"""Ingestion in Django's admin: message counts, the ledger and dead letters as tables, parked messages as a page.

Django imports this package alone, so it imports the modules that register the tables.
"""

from . import counts, dead_letters

__all__ = ["counts", "dead_letters"]
