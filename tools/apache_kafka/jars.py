"""Downloads Apache Kafka's jars once with Maven, and verifies their checksums before each start."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from .errors import KafkaMissing, WrongJars

_HERE = Path(__file__).parent
_FETCH_SECONDS = 900
_OLDEST_JAVA = 17


def fetched_jars(folder: Path) -> list[Path]:
    """The jars in `folder`, downloaded if missing. Raises KafkaMissing, WrongJars."""
    expected = _checksums()
    if not all((folder / name).exists() for name in expected):
        _download(folder)
    wrong = [name for name, checksum in expected.items() if _checksum(folder / name) != checksum]
    if wrong:
        raise WrongJars(f"Wrong checksum in {folder}: {', '.join(wrong)}. Delete the folder and try again.")
    return [folder / name for name in expected]


def version() -> str:
    """Apache Kafka's version, from its jar's name."""
    return next(name for name in _checksums() if name.startswith("kafka_")).split("-")[1].removesuffix(".jar")


def require_java() -> None:
    found = re.search(r'version "(\d+)', _java_version()) if shutil.which("java") else None
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise KafkaMissing(
            f"Apache Kafka needs Java {_OLDEST_JAVA} or newer on PATH; found: {found[1] if found else 'none'}. "
            "Install it with apt-get install openjdk-17-jre-headless, or brew install openjdk."
        )


def _java_version() -> str:
    return subprocess.run(["java", "-version"], check=False, capture_output=True, text=True).stderr


def _checksums() -> dict[str, str]:
    """Jar -> SHA-256, from sha256sum's output."""
    lines = (_HERE / "jars.sha256").read_text().splitlines()
    return {name: checksum for checksum, name in map(str.split, lines)}


def _checksum(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(folder: Path) -> None:
    """Download the jars from the repository in Maven's own configuration."""
    if shutil.which("mvn") is None:
        raise KafkaMissing("Maven is needed to download Apache Kafka: apt-get install maven, or brew install maven.")
    pom, goal = str(_HERE / "pom.xml"), "dependency:copy-dependencies"
    command = ["mvn", "--quiet", "--batch-mode", "--file", pom, goal, f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(command, check=True, timeout=_FETCH_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise KafkaMissing(f"Maven could not download Apache Kafka: {error}") from error
