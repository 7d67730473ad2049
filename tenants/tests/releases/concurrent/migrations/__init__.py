"""The recommendations app's own migrations and one that takes no transaction."""

from importlib import import_module

__path__ = [*__path__, *import_module("recommendations.migrations").__path__]
