"""Trimming a bootstrapped tree."""

import pytest

from e2e.images import base


@pytest.mark.parametrize("slash", ["", "/"])
def test_security_fixes_come_from_the_mirrors_own_neighbour(slash):
    assert base.with_updates(f"# a comment\ndeb http://mirror.example/debian{slash} bookworm main contrib\n") == (
        "deb http://mirror.example/debian bookworm main contrib\n"
        "deb http://mirror.example/debian bookworm-updates main contrib\n"
        "deb http://mirror.example/debian-security bookworm-security main contrib\n"
    )


def test_documents_and_logs_go_and_licences_stay(tmp_path):
    for name in (
        "usr/share/doc/bash/copyright",
        "usr/share/doc/bash/README",
        "usr/share/man/man1/sh.1",
        "var/log/dpkg.log",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    tmp_path.joinpath("etc").mkdir()
    base.empty(tmp_path)
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"usr/share/doc/bash/copyright", "etc/resolv.conf", "etc/hostname", "etc/machine-id"}
