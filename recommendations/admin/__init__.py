"""A casino's own tables in Django's admin, read-only.

Django imports this package alone, so it imports the module that registers the tables.
"""

from . import casino_tables

__all__ = ["casino_tables"]
