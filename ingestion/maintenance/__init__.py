"""Maintenance tasks for every casino: consumers run them between batches; `run_maintenance` replaces consumers."""
