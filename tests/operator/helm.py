"""The chart as Helm renders it."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.operator.programs import program

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "tandem"
LIMIT_S = 60


def helm() -> str | None:
    """Helm, if there is one."""
    return program("helm")


def render(*words: str) -> list[dict[str, Any]]:
    """Render the chart; raises CalledProcessError when Helm refuses the values."""
    command = [
        helm() or "helm",
        "template",
        "tandem",
        str(CHART),
        "--namespace",
        "tandem-system",
        "--kube-version",
        "1.34.4",
    ]
    done = subprocess.run([*command, *words], check=True, capture_output=True, text=True, timeout=LIMIT_S)
    return [document for document in yaml.safe_load_all(done.stdout) if document]
