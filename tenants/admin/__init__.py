"""The catalogue in Django's admin: casinos, API keys, staff logins, servers and migrations.

Django imports this package alone, so it imports the modules that register their tables.
"""

from . import api_keys, casinos, catalogue

__all__ = ["api_keys", "casinos", "catalogue"]
