"""The node's own network: a namespace and one link to the machine; no default route, so nothing reaches outside."""

import errno
import json
import socket
from ipaddress import ip_network

from e2e.cluster import shell
from e2e.cluster.errors import AddressTakenError
from e2e.cluster.identity import Identity

IP_FREEBIND = 15  # of Linux: an address may be bound before it is there; Python gives it no name


def require_free(identity: Identity) -> None:
    """Refuse to begin where our subnet or registry port belongs to something else.

    Raises:
      AddressTakenError: with what takes it and which variable chooses another.
    """
    taken = overlapping(identity.subnet, shell.run(["ip", "-j", "-4", "route", "show", "table", "all"]))
    if taken:
        raise AddressTakenError(
            f"{identity.subnet} is taken on this machine by {taken}. "
            "Choose another with TANDEM_SUBNET=X (for 10.89.X.0/24)."
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        try:
            probe.bind((identity.host_ip, identity.registry_port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise AddressTakenError(
                f"Port {identity.registry_port} is taken on this machine; the image registry needs one. "
                "Choose another with TANDEM_REGISTRY_PORT=N."
            ) from error


def overlapping(subnet: str, routes: str) -> str:
    """Return the device and prefix of a route that overlaps ``subnet``; empty if none does.

    Args:
      subnet: such as ``10.89.7.0/24``.
      routes: what ``ip -j route show`` prints.
    """
    ours = ip_network(subnet)
    for route in json.loads(routes or "[]"):
        prefix = route.get("dst", "default")
        # Multicast and broadcast entries have a subnet's edge as their prefix, and are listed with the subnet anyway.
        if prefix != "default" and ip_network(prefix, strict=False).overlaps(ours):
            return f"{route.get('dev', 'a route')} ({prefix})"
    return ""


def make(identity: Identity) -> None:
    """Make the namespace, the link and its addresses."""
    inside = ["nsenter", f"--net={identity.netns_path}"]
    shell.run(["ip", "netns", "add", identity.netns])
    shell.run(["ip", "link", "add", identity.veth, "type", "veth", "peer", "name", "eth0", "netns", identity.netns])
    shell.run(["ip", "addr", "add", f"{identity.host_ip}/24", "dev", identity.veth])
    shell.run(["ip", "link", "set", identity.veth, "up"])
    shell.run([*inside, "ip", "addr", "add", f"{identity.node_ip}/24", "dev", "eth0"])
    shell.run([*inside, "ip", "link", "set", "eth0", "up"])
    shell.run([*inside, "ip", "link", "set", "lo", "up"])
    shell.run([*inside, "sysctl", "-qw", "net.ipv4.ip_forward=1"])
