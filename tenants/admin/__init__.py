"""The catalogue in Django's admin: casinos, experiments, API keys, staff logins, servers and migrations.

Django imports only this package, so it imports the modules that register models.
"""

from . import api_keys, casinos, catalogue, experiments

__all__ = ["api_keys", "casinos", "catalogue", "experiments"]
