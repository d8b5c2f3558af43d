"""Building with buildah, without a daemon, and pushing what was built.

buildah's layers live in the user's cache, apart from the machine's own images. They are shared by every clone; names
are not: an image is pushed by its id, so that two clones never push each other's work.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import cache, shell
from e2e.cluster.identity import Identity
from e2e.images import base
from e2e.images.catalog import TAG, Image

BUILD_LIMIT_S = 3600
PUSH_LIMIT_S = 1800
CERTIFICATES = Path("/etc/ssl/certs")
# Without the last option buildah may leave a mount on its folder when it ends.
OPTIONS = (
    "--runroot",
    "/run/tandem-buildah",
    "--storage-driver",
    "overlay",
    "--storage-opt",
    "overlay.skip_mount_home=true",
)


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds and pushes.

    Attributes:
      storage: buildah's folder of layers.
      work: folder of logs and notes of this clone.
      base: image that the Dockerfiles begin with; made by debootstrap if empty.
    """

    storage: Path
    work: Path
    base: str = ""

    def build(self, image: Image) -> str:
        """Build one image and return its id."""
        self.work.mkdir(parents=True, exist_ok=True)
        note = self.work / f"{image.name}.id"
        words = command(image, self.base or self.own_base(), note)
        self._buildah(*words, timeout=BUILD_LIMIT_S)
        return note.read_text().strip()

    def push(self, image: Image, image_id: str, registry: str, *, plain: bool) -> str:
        """Push one image and return the name, by digest, under which a cluster pulls it.

        Args:
          image: what was built.
          image_id: what ``build`` returned.
          registry: host and path before the image's name.
          plain: whether the registry speaks HTTP; only the cluster's own does.
        """
        note = self.work / f"{image.name}.digest"
        name = f"{registry}/{image.name}"
        verify = ["--tls-verify=false"] if plain else []
        self._buildah(
            "push",
            "--quiet",
            *verify,
            "--digestfile",
            str(note),
            image_id,
            f"docker://{name}:{TAG}",
            timeout=PUSH_LIMIT_S,
        )
        return f"{name}@{note.read_text().strip()}"

    def own_base(self) -> str:
        """Return the base made by debootstrap, imported into buildah if it is not yet."""
        archive = base.root_file_system()
        name = f"localhost/tandem-base:{archive.parent.name}"
        if not self._has(name):
            container = self._buildah("from", "scratch").strip()
            self._buildah("add", "--quiet", container, str(archive), "/", timeout=BUILD_LIMIT_S)
            self._buildah("config", "--cmd", '["bash"]', container)
            self._buildah("commit", "--quiet", "--rm", container, name, timeout=BUILD_LIMIT_S)
        return name

    def _has(self, name: str) -> bool:
        return bool(json.loads(self._buildah("images", "--json", "--filter", f"reference={name}") or "[]"))

    def _buildah(self, *words: str, timeout: float = 120) -> str:
        return shell.run(["buildah", "--root", self.storage, *OPTIONS, *words], timeout=timeout)


def builder(identity: Identity, environ: Mapping[str, str] = os.environ) -> Builder:
    """Return a builder for this clone; ``TANDEM_BASE`` names a base image other than our own."""
    return Builder(cache.root() / "containers", identity.state.parent / "images", environ.get("TANDEM_BASE", ""))


def command(image: Image, base_name: str, note: Path) -> list[str]:
    """Return buildah's words for one build.

    The network is the machine's own, and so are the certificates while a step runs: package registries may stand
    behind a proxy with its own CA. They are an overlay, since a package may want to write there; what it writes is
    dropped, the image keeps the base's.
    """
    words = ["bud", "--quiet", "--layers", "--force-rm", "--isolation", "chroot", "--network", "host"]
    words += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:O", "--build-arg", f"BASE={base_name}"]
    if image.prepare is not None:
        words += ["--build-context", f"{image.extra}={image.prepare()}"]
    return [*words, "--iidfile", str(note), "--file", str(image.dockerfile), str(image.context)]
