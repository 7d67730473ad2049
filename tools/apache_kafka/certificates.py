"""Makes a CA, and certificates signed by it, with openssl."""

import shutil
import subprocess
from pathlib import Path

from .errors import KafkaMissing

_DAYS = "30"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_ca(folder: Path) -> Path:
    """Make a CA. Returns the path of its certificate; its key is in the same folder. Raises KafkaMissing."""
    if shutil.which("openssl") is None:
        raise KafkaMissing("openssl is needed to make certificates: apt-get install openssl, or brew install openssl.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _request(folder, "ca", "recsys test CA", ["-addext", "basicConstraints=critical,CA:TRUE"])
    return folder / "ca.pem"


def make_certificate(folder: Path, name: str, common_name: str) -> Path:
    """Make a certificate for a process on this machine, signed by the folder's CA. Returns its path; its key is in the
    same folder."""
    signed = ["-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key")]
    _request(folder, name, common_name, [*signed, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
    return folder / f"{name}.pem"


def _request(folder: Path, name: str, common_name: str, more: list[str]) -> None:
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    command = ["openssl", "req", "-x509", *_KEY, "-days", _DAYS, "-subj", f"/CN={common_name}", *files, *more]
    subprocess.run(command, check=True, capture_output=True)
