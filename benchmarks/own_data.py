"""A folder, and so a PostgreSQL server, of a benchmark's own."""

import atexit
import os
import shutil
import tempfile


def use_own_data(name: str, **environment: str) -> None:
    """Have this process and those that it starts keep their data in a new folder, deleted at the end. To be called
    before Django is set up, in the benchmark's own process alone: its worker processes import its module, too."""
    folder = tempfile.mkdtemp(prefix=f"recsys-{name}-")
    # Registered before the server's stop, so it runs after that.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update({"LOG_LEVEL": "WARNING", **environment}, LOCAL_DIR=folder, DATABASE_URL="")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")
