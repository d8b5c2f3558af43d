"""The image of one program, written by hand."""

import hashlib
import io
import json
import tarfile

from e2e.cluster import archive


def contents(archived: tarfile.TarFile) -> dict[str, bytes]:
    """Everything in an archive, by name."""
    files = {name: archived.extractfile(name) for name in archived.getnames()}
    return {name: file.read() for name, file in files.items() if file is not None}


def test_the_archive_is_an_image_whose_parts_agree(tmp_path):
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    target = tmp_path / "image.tar"
    archive.write(target, "localhost/pause:1", program)
    with tarfile.open(target) as image:
        parts = contents(image)
    with tarfile.open(fileobj=io.BytesIO(parts["layer.tar"])) as layer:
        files = {entry.name: (entry.mode, contents(layer)[entry.name]) for entry in layer}
    (manifest,) = json.loads(parts["manifest.json"])
    config = json.loads(parts[manifest["Config"]])
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(parts['layer.tar']).hexdigest()}"]
    assert manifest["Config"] == f"{hashlib.sha256(parts[manifest['Config']]).hexdigest()}.json"
    assert config["config"]["Entrypoint"] == ["/pause"]
    assert config["config"]["User"] == "65532:65532"
    assert files == {"pause": (0o755, b"\x7fELF")}


def test_the_same_program_gives_the_same_bytes(tmp_path):
    program = tmp_path / "pause"
    program.write_bytes(b"x")
    for name in ("one", "two"):
        archive.write(tmp_path / name, "localhost/pause:1", program)
    assert tmp_path.joinpath("one").read_bytes() == tmp_path.joinpath("two").read_bytes()
