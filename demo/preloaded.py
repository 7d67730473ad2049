"""What the demo's `manage.py` commands import, imported once, in the process that they are forked from."""

import os

if os.getpgrp() != os.getpid():
    os.setsid()  # first of all: no signal to the demo's terminal or process group ends it before its commands

from importlib import import_module

import django

from operations.gc_tuning import freeze

django.setup()
for name in ("run_embedded_broker", "consume_odds", "produce_odds"):
    import_module(f"ingestion.management.commands.{name}")
freeze()
