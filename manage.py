#!/usr/bin/env python
"""Entry point of the management commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")
    from django.core.management import execute_from_command_line

    from recsys_project.environment import exit_if_misconfigured

    with exit_if_misconfigured():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
