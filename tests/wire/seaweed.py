"""A real S3 server on loopback for the tests: SeaweedFS in a directory of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ACCESS_KEY = "tandem-tests"
SECRET_KEY = "not-a-secret"  # noqa: S105 - of a server on loopback that lives as long as the tests
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A running server; ``admin`` makes buckets."""

    endpoint: str
    pid: int

    def make_bucket(self, name: str) -> str:
        """Make a bucket and write into it, which needs all of the server's parts."""
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                s3={"addressing_style": "path"}, connect_timeout=1, read_timeout=5, retries={"max_attempts": 0}
            ),
        )
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="ready", Body=b"")
        return name


def free_ports(count: int) -> list[int]:
    """Draw ports below the ephemeral range, so that no outgoing connection takes one in between.

    Test processes that run side by side have neighbouring pids, and look from places far enough apart.
    """
    sockets: list[socket.socket] = []
    ports: list[int] = []
    for port in range(20000 + 32 * os.getpid() % 11000, 32000):
        if len(ports) == count:
            break
        candidate = socket.socket()
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            candidate.close()
            continue
        sockets.append(candidate)
        ports.append(port)
    for candidate in sockets:
        candidate.close()
    return ports


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Run a server until the block ends."""
    identities = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identities]}))
    (folder / "data").mkdir()
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = free_ports(8)
    bound = (
        ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
    )  # ends with the tests, however they end
    command = [
        *bound,
        str(Path(sys.executable).parent / "weed"),
        "server",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-master.port.grpc={master_grpc}",
        "-master.volumeSizeLimitMB=64",
        "-master.telemetry=false",
        f"-volume.port={volume}",
        f"-volume.port.grpc={volume_grpc}",
        "-volume.max=20",
        "-filer",
        f"-filer.port={filer}",
        f"-filer.port.grpc={filer_grpc}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-s3.config={config}",
    ]
    log = folder / "weed.log"
    with log.open("wb") as output, subprocess.Popen(command, cwd=folder, stdout=output, stderr=output) as process:
        server = Server(f"http://127.0.0.1:{s3}", process.pid)
        try:
            _await_ready(server, process, log)
            yield server
        finally:
            process.kill()  # a graceful end takes ten seconds, and nobody reads the data again


def _await_ready(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    pause = threading.Event()
    for attempt in range(int(READY_SECONDS / 0.1)):
        if process.poll() is not None:
            break
        try:
            server.make_bucket(f"ready-{attempt}")
        except (BotoCoreError, ClientError):
            pause.wait(0.1)
        else:
            return
    raise RuntimeError(f"the S3 server did not start:\n{log.read_text(errors='replace')[-4000:]}")
