#!/usr/bin/env python
"""Entry point of the management commands."""

import os
import sys


def main() -> None:
    from operations.gc_tuning import collect_rarely

    collect_rarely()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    from recsys_project.environment import exit_if_misconfigured
    from tenants.databases.catalogue import advice_if_missing

    with exit_if_misconfigured():
        try:
            execute_from_command_line(sys.argv)
        except DatabaseError:
            if (advice := advice_if_missing()) is not None:
                sys.exit(advice)
            raise


if __name__ == "__main__":
    main()
