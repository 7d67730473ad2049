"""Imports the modules of the demo's `manage.py` commands once, in the process from which they are forked."""

import os

if os.getpgrp() != os.getpid():
    os.setsid()  # before the imports: no signal to the demo's terminal or process group may end it before its commands

from importlib import import_module

import django

from operations.gc_tuning import freeze

django.setup()
for name in ("run_embedded_broker", "consume_odds", "produce_odds"):
    import_module(f"ingestion.management.commands.{name}")
freeze()
