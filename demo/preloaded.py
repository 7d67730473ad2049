"""What the demo's `manage.py` commands import, imported once, in the process that they are forked from."""

import signal
from importlib import import_module

import django

from operations.gc_tuning import freeze

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the demo's, which then stops its processes
django.setup()
for name in ("run_embedded_broker", "consume_odds", "produce_odds"):
    import_module(f"ingestion.management.commands.{name}")
freeze()
