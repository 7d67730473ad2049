"""A casino's own tables in Django's admin. They are read-only, except for closing producers.

Django imports this package alone, so it imports the modules that register the tables.
"""

from . import casino_tables, prices

__all__ = ["casino_tables", "prices"]
