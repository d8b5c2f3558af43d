import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from tandem_serving import __main__ as program
from tandem_serving.errors import ConfigError, EngineGone
from tandem_wire.config import ServerConfig, StoreConfig
from tandem_wire.errors import NoSuchBucket
from tandem_wire.report import Fault, Termination

from tests.serving.clients import Client, Recomputed, request
from tests.serving.lineage_writer import MODEL_NAME

CONFIG = {"model": "shop/search", "servedName": "search", "store": {"url": "s3://models/shop/search"}}


def test_the_configuration_is_read():
    config, pod = program.configured({"TANDEM_SERVER": json.dumps(CONFIG), "POD_NAME": "pod-1"})
    assert (config.served_name, config.grpc_port, pod) == ("search", 8500, "pod-1")


@pytest.mark.parametrize(
    ("environment", "reason", "message"),
    [
        ({}, "MissingConfig", "TANDEM_SERVER is not set"),
        ({"TANDEM_SERVER": json.dumps(CONFIG)}, "MissingConfig", "POD_NAME is not set; take it from metadata.name"),
        ({"TANDEM_SERVER": "{", "POD_NAME": "p"}, "InvalidConfig", "TANDEM_SERVER: is not JSON"),
        ({"TANDEM_SERVER": "{}", "POD_NAME": "p"}, "InvalidConfig", "TANDEM_SERVER: model: is missing"),
        (
            {"TANDEM_SERVER": json.dumps(CONFIG | {"pollSeconds": "1"}), "POD_NAME": "p"},
            "InvalidConfig",
            "TANDEM_SERVER: pollSeconds: must be a number",
        ),
    ],
)
def test_a_wrong_configuration_names_the_field(environment, reason, message):
    with pytest.raises(ConfigError, match=message) as caught:
        program.configured(environment)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ConfigError("InvalidConfig", "no"), 2, "InvalidConfig"),
        (NoSuchBucket("bucket models is not there"), 2, "NoSuchBucket"),
        (OSError(98, "Address already in use"), 1, "CannotListen"),
        (EngineGone("it ended"), 1, "EngineGone"),
    ],
)
def test_it_ends_with_a_code_and_a_message_for_the_operator(monkeypatch, tmp_path, error, code, reason):
    def fails(_):
        raise error

    monkeypatch.setenv("TANDEM_TERMINATION_LOG", str(tmp_path / "termination-log"))
    monkeypatch.setattr(program, "configured", fails)
    monkeypatch.setattr("structlog.configure", lambda **_: None)
    assert program.main() == code
    termination = Termination.from_json((tmp_path / "termination-log").read_text())
    assert (termination.kind, termination.reason) == (Fault.USER if code == 2 else Fault.WORLD, reason)


@pytest.mark.slow
@pytest.mark.parametrize("dies", [False, True])
async def test_a_process_serves_until_sigterm_and_exits_0_or_until_its_engine_dies(
    tmp_path, store, writer, engine_program, dies
):
    writer.base(3)
    writer.target(stable=3)
    config = ServerConfig(
        model=MODEL_NAME,
        served_name="search",
        store=StoreConfig(f"file://{tmp_path}/store"),
        poll_seconds=0.05,
        grpc_port=0,
        rest_port=0,
        status_port=0,
    )
    variables = os.environ | {
        "TANDEM_SERVER": config.to_json(),
        "POD_NAME": "pod-1",
        "TANDEM_SERVING_CACHE": str(tmp_path / "cache"),
        "TANDEM_TERMINATION_LOG": str(tmp_path / "termination-log"),
        "TANDEM_ENGINE": str(engine_program),
    }
    command = (sys.executable, "-m", "tandem_serving")
    process = await asyncio.create_subprocess_exec(*command, env=variables, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(240):
            lines, ports = await listening(process)
            await ready(process, ports["status"])
            async with Client(ports["grpc"]) as client:
                Recomputed(store).check(await client.predictions.Predict(request()))
            if dies:
                os.kill(child_of(process.pid), signal.SIGKILL)
            else:
                process.send_signal(signal.SIGTERM)
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == (1 if dies else 0)
    lines += [json.loads(line) for line in output.splitlines()]
    assert lines[-1]["event"] == "ended"
    if dies:
        termination = Termination.from_json((tmp_path / "termination-log").read_text())
        assert (termination.kind, termination.reason) == (Fault.WORLD, "EngineGone")
    else:
        assert (lines[-1]["answers"], lines[-1]["errors"]) == (1, 0)
        assert list((tmp_path / "cache").iterdir())


def child_of(pid):
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


async def listening(process):
    """What it logged until it told its ports, and these."""
    lines = []
    async for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["event"] == "serving":
            return lines, lines[-1]
    raise AssertionError(f"the process ended before it served: {lines}")


async def ready(process, port):
    async with aiohttp.ClientSession() as session:
        while process.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
            else:
                await asyncio.sleep(0.02)
    raise AssertionError(f"the process ended with {process.returncode} before it was ready")
