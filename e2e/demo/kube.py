"""kubectl and helm as functions, and which cluster they speak to."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster import toolchain
from e2e.cluster.client import environment
from e2e.cluster.identity import identify
from e2e.demo.errors import CommandFailedError, TooLateError

Json = dict[str, Any]
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Kube:
    """One cluster.

    Attributes:
      kubectl, helm: the programs.
      env: their environment, with KUBECONFIG.
      own: whether it is the cluster that e2e.cluster brings up on this machine.
      namespace: where the demonstration lives.
    """

    kubectl: str
    helm: str
    env: Mapping[str, str]
    own: bool
    namespace: str

    def run(self, *words: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run kubectl in the namespace and return what it said.

        Raises:
          CommandFailedError: it refused, or took too long.
        """
        return self._run([self.kubectl, f"--namespace={self.namespace}", *words], stdin, timeout)

    def run_helm(self, *words: str, timeout: float = 180) -> str:
        """Run helm and return what it said.

        Raises:
          CommandFailedError: it refused, or took too long.
        """
        return self._run([self.helm, *words], None, timeout)

    def get(self, *words: str) -> Json:
        """``kubectl get … -o json``, parsed.

        Raises:
          CommandFailedError: there is no such thing.
        """
        found: Json = json.loads(self.run("get", *words, "-o", "json"))
        return found

    def find(self, *words: str) -> Json | None:
        """``kubectl get … -o json --ignore-not-found``, parsed; None when there is no such thing."""
        text = self.run("get", *words, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def items(self, *words: str) -> list[Json]:
        """The items of a list."""
        found: list[Json] = self.get(*words)["items"]
        return found

    def apply(self, *objects: Json) -> None:
        """Apply objects, server-side."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        words = ("apply", "--server-side", "--force-conflicts", "--field-manager=tandem-demo", "-f", "-")
        self.run(*words, stdin=json.dumps(listed))

    def patch(self, kind: str, name: str, change: Json) -> None:
        """Merge a change into an object."""
        self.run("patch", kind, name, "--type=merge", "-p", json.dumps(change))

    @contextmanager
    def stream(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A kubectl that goes on until the block is left."""
        with subprocess.Popen(
            [self.kubectl, f"--namespace={self.namespace}", *words],
            env=dict(self.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.terminate()

    def _run(self, words: list[str], stdin: str | None, timeout: float) -> str:
        try:
            done = subprocess.run(
                words,
                env=dict(self.env),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandFailedError(f"{_shown(words)}: no result within {timeout:.0f}s") from error
        if done.returncode:
            raise CommandFailedError(f"{_shown(words)}: {(done.stderr or done.stdout).strip()[-_TAIL:]}")
        return done.stdout


def _shown(words: list[str]) -> str:
    return " ".join([Path(words[0]).name, *words[1:]])[:200]


def connect(namespace: str, environ: Mapping[str, str] = os.environ) -> Kube:
    """Find the cluster: KUBECONFIG's where it is set, else this clone's own; and its programs.

    Raises:
      CommandFailedError: neither is there, or a program is missing; the message says what to do.
    """
    identity = identify()
    given = environ.get("KUBECONFIG")
    own = not given or Path(given).resolve() == identity.kubeconfig
    config = str(identity.kubeconfig) if own else str(given)
    if not Path(config.split(os.pathsep)[0]).is_file():
        raise CommandFailedError(f"{config}: no such file. Run `make cluster`, or set KUBECONFIG to your own one.")
    programs = toolchain.installed() or {}
    kubectl, helm = (str(programs.get(name) or shutil.which(name) or "") for name in ("kubectl", "helm"))
    if not kubectl or not helm:
        raise CommandFailedError("kubectl and helm are needed: run `make cluster`, or put them into PATH.")
    env = {**(environment() if own else dict(environ)), "KUBECONFIG": config}
    return Kube(kubectl, helm, env, own, namespace)


def wait_for(what: str, holds: Callable[[], bool], seconds: float, every: float = 0.5) -> None:
    """Look until ``holds()``.

    Raises:
      TooLateError: it did not within ``seconds``; the message names ``what``.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise TooLateError(f"{what}: not so after {seconds:.0f}s")
        pause.wait(every)
