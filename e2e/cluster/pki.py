"""Certificates of one cluster, by openssl: an authority, one per component, a key pair for service-account tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import shell
from e2e.cluster.identity import Identity

DAYS = "365"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
NODE = "tandem"
SERVICE_IP = "10.96.0.1"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate names: Kubernetes reads CN as the user and O as the group."""

    name: str
    subject: str
    addresses: tuple[str, ...] = ()


def subjects(identity: Identity) -> tuple[Subject, ...]:
    """Return everyone who needs a certificate."""
    service = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
    )
    ips = (identity.node_ip, "127.0.0.1", SERVICE_IP)
    return (
        Subject(
            "apiserver",
            "/CN=kube-apiserver",
            tuple(f"IP:{ip}" for ip in ips) + tuple(f"DNS:{name}" for name in service),
        ),
        Subject("admin", "/O=system:masters/CN=admin"),
        Subject("kubelet", f"/O=system:nodes/CN=system:node:{NODE}", (f"IP:{identity.node_ip}", f"DNS:{NODE}")),
        Subject("controller-manager", "/CN=system:kube-controller-manager"),
        Subject("scheduler", "/CN=system:kube-scheduler"),
        Subject("proxy", "/CN=system:kube-proxy"),
    )


def make(folder: Path, identity: Identity) -> None:
    """Write ca, every subject's and the service-account key pairs into a new ``folder``, readable by root only."""
    folder.mkdir(mode=0o700, parents=True)
    ca = ["openssl", "req", "-x509", *CURVE, "-nodes", "-days", DAYS, "-subj", f"/CN={identity.netns}"]
    shell.run([*ca, "-keyout", folder / "ca.key", "-out", folder / "ca.crt"])
    for subject in subjects(identity):
        _sign(folder, subject)
    shell.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "sa.key"])
    shell.run(["openssl", "ec", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub"])


def extensions(addresses: Sequence[str]) -> str:
    """Return openssl's extension file for one certificate."""
    lines = ["extendedKeyUsage=serverAuth,clientAuth"]
    if addresses:
        lines.append(f"subjectAltName={','.join(addresses)}")
    return "\n".join(lines) + "\n"


def _sign(folder: Path, subject: Subject) -> None:
    key, request, certificate = (folder / f"{subject.name}.{kind}" for kind in ("key", "csr", "crt"))
    wanted = folder / f"{subject.name}.ext"
    wanted.write_text(extensions(subject.addresses))
    shell.run(["openssl", "req", *CURVE, "-nodes", "-subj", subject.subject, "-keyout", key, "-out", request])
    authority = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", DAYS]
    shell.run(["openssl", "x509", "-req", "-in", request, *authority, "-extfile", wanted, "-out", certificate])
    request.unlink()
    wanted.unlink()
