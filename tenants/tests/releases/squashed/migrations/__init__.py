"""The wider release, whose migration has been squashed since."""

from importlib import import_module

__path__ = [*__path__, *import_module("tenants.tests.releases.wider.migrations").__path__]
