"""Tables on parameter-server tasks: other processes, reached by tf.device."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

SERVER = """
import json, sys
import tensorflow as tf
import tandem_ops

server = tf.distribute.Server(json.loads(sys.argv[1]), job_name="ps", task_index=int(sys.argv[2]), protocol="grpc")
print("ready", flush=True)
sys.stdin.read()
"""

CLIENT = """
import json, sys
import numpy as np
import tensorflow as tf
import tandem_ops as ops

tf.config.experimental_connect_to_cluster(
    tf.train.ClusterSpec(json.loads(sys.argv[1])), job_name="chief", task_index=0, protocol="grpc"
)

def make(name, task, **arguments):
    with tf.device(f"/job:ps/replica:0/task:{task}"):
        return ops.HashVariable(name, dim=2, initializer=ops.Uniform(1.0), optimizer=ops.Adam(0.1), **arguments)

def train(tables, ids):
    rows, handles = ops.grouped_lookup(tables, [ids] * len(tables), event_time=5)
    ops.grouped_apply(tables, handles, rows)
    return ops.grouped_peek(tables, [ids] * len(tables))

far = [make("a", 0), make("b", 1), make("c", 0, seed=7)]
near = [ops.HashVariable(t.name, dim=2, initializer=t.initializer, optimizer=t.optimizer, seed=t.seed) for t in far]
assert [("ps" in t.device, "task:1" in t.device) for t in far] == [(True, False), (True, True), (True, False)]
for step in (train, tf.function(train)):
    for ids in (tf.constant([1, 2, 2**40, 1], tf.int64), tf.constant(["x", "y"])):
        for there, here in zip(step(far, ids), train(near, ids)):
            assert np.array_equal(there, here), (there, here)
for there, here in zip(far, near):
    cut, own = there.snapshot(), here.snapshot()
    assert all(np.array_equal(getattr(cut, c), getattr(own, c)) for c in ("keys", "rows", "slots", "steps", "seen"))
    delta = there.begin_delta()
    there.ack(delta.epoch)
    assert len(delta.keys) == 5 and len(there.begin_delta().keys) == 0
    there.remove([2])
    assert int(there.size()) == 4
    there.restore(own)

path = tf.train.Checkpoint(t=far).write(sys.argv[2])
back = [ops.HashVariable(t.name, dim=2, initializer=ops.Zeros(), optimizer=ops.Adam(0.1)) for t in far]
tf.train.Checkpoint(t=back).read(path)
assert all(np.array_equal(b.snapshot().rows, n.snapshot().rows) for b, n in zip(back, near))
try:
    far[2].apply(far[0].lookup([1])[1], tf.zeros([1, 2]))
    far[2].size().numpy()  # a call without results is answered with the next one that has some
    raise SystemExit("a foreign handle was taken")
except tf.errors.InvalidArgumentError as refusal:
    assert 'HashVariable "c": handles' in str(refusal), refusal
print("served")
"""


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.fixture
def cluster() -> Iterator[str]:
    ps0, ps1, chief = (f"127.0.0.1:{port}" for port in free_ports(3))
    spec = json.dumps({"ps": [ps0, ps1], "chief": [chief]})
    servers = [
        subprocess.Popen([sys.executable, "-c", SERVER, spec, str(task)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for task in (0, 1)
    ]
    try:
        for server in servers:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
        yield spec
    finally:
        for server in servers:
            server.kill()
            server.communicate(timeout=30)


@pytest.mark.slow
def test_tables_on_other_tasks_do_what_tables_here_do(cluster, tmp_path):
    command = [sys.executable, "-c", CLIENT, cluster, str(tmp_path / "checkpoint")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("served\n")
