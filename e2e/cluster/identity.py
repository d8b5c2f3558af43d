"""Names, addresses and folders of one clone's cluster, all from the clone's path.

Two clones on one machine share the cache and nothing else: every name that is global to the machine carries the
clone's tag.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]
TAG_LENGTH = 6
OCTETS = 254
# A Unix socket's path has at most 107 bytes; the longest below the state folder is kubelet/pod-resources/kubelet.sock.
STATE_PATH_LIMIT = 70


@dataclass(frozen=True, slots=True)
class Identity:
    """What this clone's cluster is called and where it lives.

    Attributes:
      tag: six hexadecimal digits from the clone's path.
      octet: third byte of the subnet 10.89.X.0/24 between the machine and the node.
      state: folder of everything that is kept on disk.
      registry_port: port of the image registry on the machine's side.
    """

    tag: str
    octet: int
    state: Path
    registry_port: int = 5000

    @property
    def netns(self) -> str:
        """Network namespace of the node."""
        return f"tandem-{self.tag}"

    @property
    def netns_path(self) -> Path:
        """Where ``ip netns`` mounts it."""
        return Path("/run/netns") / self.netns

    @property
    def veth(self) -> str:
        """The machine's end of the link to the node (a device's name has at most 15 characters)."""
        return f"tdm{self.tag}"

    @property
    def host_ip(self) -> str:
        """The machine, as the node sees it."""
        return f"10.89.{self.octet}.1"

    @property
    def node_ip(self) -> str:
        """The node, as the machine sees it."""
        return f"10.89.{self.octet}.2"

    @property
    def subnet(self) -> str:
        """The link's subnet."""
        return f"10.89.{self.octet}.0/24"

    @property
    def registry(self) -> str:
        """The image registry's address, from the machine and from the node alike."""
        return f"{self.host_ip}:{self.registry_port}"

    @property
    def run(self) -> Path:
        """Folder of sockets and of what must not outlive a reboot; short, since socket paths are."""
        return Path("/run") / self.netns

    @property
    def cgroup(self) -> str:
        """Control group of all pods, below the root of every hierarchy."""
        return self.netns

    @property
    def kubeconfig(self) -> Path:
        """The file that a person gives to kubectl."""
        return self.state / "kubeconfig"


def identify(clone: Path = REPOSITORY, environ: Mapping[str, str] = os.environ) -> Identity:
    """Return the identity of the cluster that belongs to a clone.

    Args:
      clone: the repository's root.
      environ: may hold ``TANDEM_STATE`` (folder), ``TANDEM_SUBNET`` (X of 10.89.X.0/24) and ``TANDEM_REGISTRY_PORT``.

    Raises:
      UserError: one of these cannot be used.
    """
    state = Path(environ.get("TANDEM_STATE") or clone / "build" / "cluster").resolve()
    digest = hashlib.sha256(os.fsencode(clone.resolve())).digest()
    octet = _number(environ, "TANDEM_SUBNET", 1 + digest[-1] % OCTETS, OCTETS)
    port = _number(environ, "TANDEM_REGISTRY_PORT", 5000, 65535)
    if len(os.fsencode(state)) > STATE_PATH_LIMIT:
        raise UserError(
            f"{state}: {len(os.fsencode(state))} bytes are too long for the sockets below it "
            f"(at most {STATE_PATH_LIMIT}). Set TANDEM_STATE to a shorter folder."
        )
    return Identity(tag=digest.hex()[:TAG_LENGTH], octet=octet, state=state, registry_port=port)


def _number(environ: Mapping[str, str], name: str, default: int, highest: int) -> int:
    """Read a number from 1 to ``highest``."""
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise UserError(f"{name}={text}: must be a number from 1 to {highest}.")
    return int(text)
