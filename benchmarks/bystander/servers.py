"""The benchmark's own PostgreSQL servers. They start before Django is set up, whose settings need their addresses."""

import os
from pathlib import Path
from urllib.parse import quote

from tenants.postgresql import embedded

FOLDER = Path(__file__).resolve().parents[2] / ".local" / "bystander"
MAIN_DIR, SECOND_DIR = FOLDER / "postgres", FOLDER / "postgres-second"
SECOND = "second"  # the name of the second server


def start_servers() -> None:
    """Start both servers, and set their addresses in the environment."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings",
        "LOCAL_DIR": str(FOLDER),
        "DATABASE_URL": _url(MAIN_DIR, "recommendation_system"),
        f"DATABASE_SERVER_{SECOND.upper()}_URL": _url(SECOND_DIR, "postgres"),
        "SECRET_KEY": "of-the-benchmark-" + "0" * 50,
        "RECSYS_OPEN_API": "0",
        "HTTPS": "0",
        "LOG_LEVEL": "ERROR",
        "ACCESS_LOG": "0",
        "PYTHONWARNINGS": "ignore",
    }


def _url(data_dir: Path, db_name: str) -> str:
    return f"postgres://postgres@/{db_name}?host={quote(embedded.ensure_running(data_dir), safe='')}"
