"""The recommendations app's own migrations and a further one."""

from importlib import import_module

__path__ = [*__path__, *import_module("recommendations.migrations").__path__]
