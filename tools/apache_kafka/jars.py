"""Apache Kafka's jars: fetched by Maven once, and checked against the committed checksums before each start."""

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
    """The jars in `folder`, downloaded where they are not there yet. Raises KafkaMissing or WrongJars."""
    wanted = _checksums()
    if not all((folder / name).exists() for name in wanted):
        _download(folder)
    wrong = [name for name, checksum in wanted.items() if _checksum(folder / name) != checksum]
    if wrong:
        raise WrongJars(f"In {folder} these are not what jars.sha256 says: {', '.join(wrong)}. Delete the folder.")
    return [folder / name for name in wanted]


def version() -> str:
    """Apache Kafka's version, by its jar's name."""
    return next(name for name in _checksums() if name.startswith("kafka_")).split("-")[1].removesuffix(".jar")


def require_java() -> None:
    found = re.search(r'version "(\d+)', _java_says()) if shutil.which("java") else None
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise KafkaMissing(
            f"Apache Kafka needs Java {_OLDEST_JAVA} or newer on PATH, and here is {found[1] if found else 'none'}: "
            "apt-get install openjdk-17-jre-headless, or brew install openjdk."
        )


def _java_says() -> str:
    return subprocess.run(["java", "-version"], check=False, capture_output=True, text=True).stderr


def _checksums() -> dict[str, str]:
    """Jar -> its SHA-256, from a list as sha256sum writes it."""
    lines = (_HERE / "jars.sha256").read_text().splitlines()
    return {name: checksum for checksum, name in map(str.split, lines)}


def _checksum(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(folder: Path) -> None:
    """Maven's own configuration says from where."""
    if shutil.which("mvn") is None:
        raise KafkaMissing("Apache Kafka's jars are fetched by Maven: apt-get install maven, or brew install maven.")
    pom, goal = str(_HERE / "pom.xml"), "dependency:copy-dependencies"
    command = ["mvn", "--quiet", "--batch-mode", "--file", pom, goal, f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(command, check=True, timeout=_FETCH_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise KafkaMissing(f"Maven could not fetch Apache Kafka: {error}") from error
