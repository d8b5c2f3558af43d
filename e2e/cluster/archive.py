"""A container image of one static program, written by hand: no base, no builder, no daemon.

Only the cluster's own pause and CoreDNS images are made so; they are imported into containerd before any registry
answers.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path

ROOTLESS = 65532


def write(target: Path, image: str, program: Path, extra: dict[str, bytes] | None = None) -> None:
    """Write an image archive (Docker's layout, which ``ctr image import`` reads) whose entrypoint is ``/program``.

    The same inputs give the same bytes: times and owners are fixed.

    Args:
      target: the archive to write.
      image: its name, such as ``localhost/pause:1``.
      program: a static executable.
      extra: further files by absolute path, such as certificates.
    """
    layer = _tar(
        {program.name: (program.read_bytes(), 0o755)} | {k.lstrip("/"): (v, 0o644) for k, v in (extra or {}).items()}
    )
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": f"{ROOTLESS}:{ROOTLESS}", "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    )
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = _json([{"Config": name, "RepoTags": [image], "Layers": ["layer.tar"]}])
    files = {name: (config, 0o644), "layer.tar": (layer, 0o644), "manifest.json": (manifest, 0o644)}
    target.write_bytes(_tar(files))


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, mode) in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
