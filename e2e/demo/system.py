"""Brings the whole system up on a cluster: store, broker, operator, one OnlineModel; and takes it down again."""

import json
import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.identity import REPOSITORY, identify
from e2e.demo.errors import CommandFailedError, TooLateError
from e2e.demo.evidence import PodSeen
from e2e.demo.kube import Json, Kube, wait_for
from e2e.demo.reach import Door

OPERATOR_NAMESPACE = "tandem-system"
RELEASE = "tandem"
DEFINITION = "onlinemodels.tandem.dev"
OPERATOR_SELECTOR = f"app.kubernetes.io/name=tandem-operator,app.kubernetes.io/instance={RELEASE}"
S3 = Door("reach-s3", {"app.kubernetes.io/name": "seaweedfs"}, "seaweedfs", 8333)
KAFKA = Door("reach-kafka", {"app.kubernetes.io/name": "kafka"}, "kafka", 9094)
IMAGES = ("seaweedfs", "kafka", "tandem-operator", "tandem-training", "tandem-serving")


def serving_door(name: str) -> Door:
    """The door to the serving pods of an OnlineModel."""
    return Door(f"reach-{name}", {"tandem.dev/model": name, "tandem.dev/role": "serving"}, f"{name}-serving", 8500)


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where an image is to be had: ``registry/name`` and its digest."""

    repository: str
    digest: str


def pushed_images(path: Path | None = None) -> dict[str, ImageRef]:
    """The images that `make images` pushed.

    Raises:
      CommandFailedError: it was not run, or an image is missing.
    """
    path = path or identify().state.parent / "images.json"
    names = json.loads(path.read_text()) if path.is_file() else {}
    missing = [name for name in IMAGES if name not in names]
    if missing:
        raise CommandFailedError(f"{path}: the images {', '.join(missing)} are missing. Run `make images`.")
    return {name: ImageRef(*names[name].split("@")) for name in IMAGES}


def kustomization(folder: Path, images: Mapping[str, ImageRef], namespace: str, kafka_outside: str) -> Json:
    """The store and the broker of manifests/, from these images, with the broker's address for this machine."""
    manifests = REPOSITORY / "manifests"
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [os.path.relpath(manifests / part, folder) for part in ("object-store", "kafka")],
        "images": [
            {"name": name, "newName": images[name].repository, "digest": images[name].digest}
            for name in ("seaweedfs", "kafka")
        ],
        "patches": [
            {
                "target": {"kind": "Deployment", "name": "kafka"},
                "patch": json.dumps(
                    [
                        {
                            "op": "add",
                            "path": "/spec/template/spec/containers/0/env/-",
                            "value": {"name": "KAFKA_ADVERTISED_OUTSIDE", "value": kafka_outside},
                        }
                    ]
                ),
            }
        ],
    }


def chart_values(images: Mapping[str, ImageRef]) -> list[str]:
    """Helm's words that make the chart use these images."""
    words = []
    for part in ("operator", "training", "serving"):
        image = images[f"tandem-{part}"]
        words += ["--set", f"image.{part}.repository={image.repository},image.{part}.digest={image.digest}"]
    return words


class System:
    """What stands in one namespace of a cluster, and the operator beside it."""

    def __init__(self, kube: Kube, folder: Path) -> None:
        self.kube = kube
        self._folder = folder

    def install_operator(self, images: Mapping[str, ImageRef]) -> None:
        """Install or upgrade the chart, once an earlier one is gone; does not wait for it to be ready."""
        for kind, name in (("crd", DEFINITION), ("namespace", OPERATOR_NAMESPACE)):
            if "deletionTimestamp" in (self.kube.find(kind, name) or {}).get("metadata", {}):
                self._delete(kind, name, wait=True)
        chart = str(REPOSITORY / "charts" / "tandem")
        # The definition may be there already, from `kubectl apply -f crds/`.
        words = ("upgrade", "--install", "--take-ownership", RELEASE, chart)
        self.kube.run_helm(*words, "--namespace", OPERATOR_NAMESPACE, "--create-namespace", *chart_values(images))

    def await_operator(self, seconds: float = 120) -> None:
        """Wait until the operator is ready."""
        limit = f"--timeout={seconds:.0f}s"
        words = ("--namespace", OPERATOR_NAMESPACE, "rollout", "status", "deployment", "-l", OPERATOR_SELECTOR, limit)
        self.kube.run(*words, timeout=seconds + 10)

    def clear(self, *, wait: bool = True) -> bool:
        """Remove an earlier demonstration with all it stored; returns whether there was one."""
        if self.kube.find("namespace", self.kube.namespace) is None:
            return False
        if self.kube.find("crd", DEFINITION) is not None:
            self.kube.run("delete", "om", "--all", "--wait", "--timeout=90s", timeout=100)
        # What it stored goes with it, so there is nothing that a pod could still save.
        self.kube.run("delete", "pods", "--all", "--grace-period=1", "--wait=false")
        self._delete("namespace", self.kube.namespace, wait=wait)
        return True

    def make_namespace(self) -> None:
        """Make the namespace, in which only pods without any privilege may run."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.kube.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.kube.namespace, "labels": labels}}
        )

    def apply_services(self, images: Mapping[str, ImageRef], kafka_outside: str) -> None:
        """Start the object store and the broker; does not wait."""
        folder = self._folder / "services"
        folder.mkdir(parents=True, exist_ok=True)
        made = kustomization(folder, images, self.kube.namespace, kafka_outside)
        (folder / "kustomization.yaml").write_text(json.dumps(made, indent=2) + "\n")
        self.kube.run("apply", "--server-side", "--force-conflicts", "-k", str(folder))

    def await_services(self, seconds: float = 180) -> None:
        """Wait until the object store has its buckets and the broker answers."""
        for deployment in ("seaweedfs", "kafka"):
            words = ("rollout", "status", "deployment", deployment, f"--timeout={seconds:.0f}s")
            self.kube.run(*words, timeout=seconds + 10)
        rolled = ("wait", "--for=condition=complete", "job/s3-buckets", f"--timeout={seconds:.0f}s")
        self.kube.run(*rolled, timeout=seconds + 10)

    def credentials(self) -> dict[str, str]:
        """The keys of the object store, as environment variables."""
        data = self.kube.get("secret", "s3-credentials")["data"]
        return {name: b64decode(value).decode() for name, value in data.items()}

    def status(self, name: str) -> Json:
        """``status`` of an OnlineModel; empty while there is none."""
        found = self.kube.find("om", name)
        status: Json = (found or {}).get("status") or {}
        return status

    def await_model(self, name: str, what: str, seconds: float) -> None:
        """Wait until condition ``what`` of an OnlineModel is True.

        Raises:
          TooLateError: it is not; the message has what the conditions say.
        """

        def holds() -> bool:
            return condition(self.status(name), what).get("status") == "True"

        try:
            wait_for(f"OnlineModel {name} {what}", holds, seconds)
        except TooLateError as error:
            raise TooLateError(f"{error}\n{self.explain(name)}") from error

    def explain(self, name: str) -> str:
        """What the OnlineModel's conditions and Jobs say, for a person."""
        status = self.status(name)
        lines = [
            f"  {one['type']}={one['status']} {one.get('reason', '')}: {one.get('message', '')}"
            for one in status.get("conditions", [])
        ]
        lines += [f"  {job['name']} {job['state']} {job.get('message') or ''}" for job in status.get("jobs", [])]
        return "\n".join(lines) or "  the operator has written no status yet"

    def serving_pods(self, name: str) -> list[PodSeen]:
        """The serving pods that are not on their way out."""
        pods = self.kube.items("pods", "-l", f"tandem.dev/model={name},tandem.dev/role=serving")
        return [
            PodSeen(
                pod["metadata"]["name"],
                pod["metadata"]["uid"],
                sum(one["restartCount"] for one in pod["status"].get("containerStatuses", [])),
            )
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
        ]

    def installed(self) -> bool:
        """Whether the operator is installed."""
        words = ("list", "--namespace", OPERATOR_NAMESPACE, "-q", "--filter", f"^{RELEASE}$")
        return bool(self.kube.run_helm(*words).strip())

    def remove(self, *, wait: bool = True) -> bool:
        """Remove the demonstration; the operator and the definition of OnlineModels too, unless others use them.

        Args:
          wait: until all of it is gone; ``install_operator`` and ``clear`` wait for what is still going.

        Returns:
          Whether the operator went.
        """
        self.clear(wait=wait)
        defined = self.kube.find("crd", DEFINITION) is not None
        if defined and self.kube.items("om", "--all-namespaces"):
            return False
        if self.installed():
            self.kube.run_helm("uninstall", RELEASE, "--namespace", OPERATOR_NAMESPACE, *(["--wait"] if wait else []))
        self._delete("crd", DEFINITION, wait=wait)
        self._delete("namespace", OPERATOR_NAMESPACE, wait=wait)
        return True

    def _delete(self, kind: str, name: str, *, wait: bool) -> None:
        words = ("--ignore-not-found", f"--wait={str(wait).lower()}", "--timeout=180s")
        self.kube.run("delete", kind, name, *words, timeout=190)


def condition(status: Json, kind: str) -> Json:
    """One condition of a status; empty when it is not there."""
    return next((one for one in status.get("conditions", []) if one["type"] == kind), {})
