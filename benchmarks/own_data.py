"""A benchmark's own data folder, and so its own PostgreSQL server."""

import atexit
import os
import shutil
import tempfile


def use_own_data(name: str, **environment: str) -> None:
    """Keep the data of this process and those that it starts in a new folder, deleted at the end. Call it before Django
    is set up, and only in the benchmark's main process: its worker processes import its module too."""
    folder = tempfile.mkdtemp(prefix=f"recsys-{name}-")
    # Registered before the stop of the server, so it runs after the stop.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update({"LOG_LEVEL": "WARNING", **environment}, LOCAL_DIR=folder, DATABASE_URL="")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")
