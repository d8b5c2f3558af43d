"""Kafka's jars: fetched by Maven, each held against its committed sum, kept in the cache."""

import hashlib
from pathlib import Path

from e2e.cluster import cache, shell
from e2e.cluster.errors import WorldError

FOLDER = Path(__file__).parent / "kafka"
SUMS = FOLDER / "jars.sha256"
POM = FOLDER / "pom.xml"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
LIMIT_S = 900


class WrongSumError(WorldError):
    """What was fetched is not what was pinned."""


def obtain() -> Path:
    """Return the folder of the jars."""
    return cache.obtain(cache.root() / "kafka" / cache.key_of([POM, SUMS]), _fetch)


def check(sums: str, found: dict[str, str]) -> None:
    """Hold what was fetched against the committed sums.

    Args:
      sums: lines as ``sha256sum`` writes them.
      found: SHA-256 by file name.

    Raises:
      WrongSumError: a file is missing, is one too many, or differs; the message names them.
    """
    expected = {name: digest for digest, name in (line.split() for line in sums.splitlines())}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise WrongSumError(
            f"Kafka's jars differ from {SUMS.name}: {', '.join(wrong)}. "
            "If pom.xml was changed on purpose, write the sums anew: sha256sum *.jar"
        )


def _fetch(folder: Path) -> None:
    shell.run(
        ["mvn", "-q", "-B", "-f", POM, COPY, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"], timeout=LIMIT_S
    )
    check(SUMS.read_text(), {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()})
