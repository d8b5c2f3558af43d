"""Runs exported modules with JAX and nothing else of this project: ``python runner.py FOLDER [--platform cpu]``.

Prints one line of JSON for each mode and batch size: microseconds a call with weights that stay, and with weights that
change every 50 calls. Each mode is a process of its own, since XLA reads its flags once. Copy this file and the folder
to any machine with JAX.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

NO_GPU = 3
"""Exit code: JAX sees no GPU."""
CHANGE_EVERY = 50
ALLOWED = 1e-5


def main() -> int:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--platform", default="gpu", choices=["gpu", "cpu"])
    options.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    options.add_argument("--mode", help="measure one mode in this process")
    told = options.parse_args()
    told.folder = told.folder.resolve()
    run = json.loads((told.folder / "run.json").read_text())
    if told.mode is not None:
        return measure(told.folder, run, told.mode, told.platform, told.seconds)
    for mode, flags in run["modes"].items():
        environment = os.environ | {"XLA_FLAGS": flags, "NVIDIA_TF32_OVERRIDE": "0"}
        words = [sys.executable, __file__, str(told.folder), "--mode", mode]
        words += ["--platform", told.platform, "--seconds", str(told.seconds)]
        code = subprocess.run(words, env=environment, check=False).returncode  # noqa: S603 - this file
        if code != 0:
            return code
    return 0


def measure(folder: Path, run: dict[str, Any], mode: str, platform: str, seconds: float) -> int:
    """Measure one mode, largest batches first."""
    import jax  # type: ignore[import-not-found] # noqa: PLC0415 - only in the process whose flags are set
    from jaxlib import xla_client  # type: ignore[import-not-found] # noqa: PLC0415

    try:
        device = jax.devices("cuda" if platform == "gpu" else "cpu")[0]
    except RuntimeError as error:
        say({"mode": mode, "error": f"no GPU: {error}"})
        return NO_GPU
    arrays = np.load(folder / "arrays.npz")
    versions = [
        [jax.device_put(arrays[f"slot_{version}_{i}"], device) for i in range(run["slots"])]
        for version in range(run["versions"])
    ]
    for rows in sorted(run["rows"], reverse=True):
        text = (folder / f"rows_{rows}.mlir").read_text()
        devices = xla_client.DeviceList((device,))
        program = device.client.compile_and_load(text, devices, xla_client.CompileOptions())
        features = arrays[f"features_{rows}"]

        def call(weights: list[Any], program: Any = program, features: Any = features) -> Any:  # noqa: ANN401
            given = [jax.device_put(features, device), *weights]
            (made,) = program.execute_sharded(given).disassemble_into_single_device_arrays()[0]
            return np.asarray(made)

        worst = max(
            float(np.abs(call(weights) - arrays[f"answers_{version}_{rows}"]).max())
            for _ in range(4)
            for version, weights in enumerate(versions)
        )
        if not worst <= ALLOWED:
            say({"mode": mode, "rows": rows, "error": f"answers are {worst:.1e} away; {ALLOWED:.0e} is allowed"})
            return 1
        for changing in (False, True):
            say(
                {"mode": mode, "rows": rows, "changing": changing, "worst": worst, "device": device.device_kind}
                | timed(call, versions if changing else versions[:1], seconds)
            )
    return 0


def timed(call: Any, versions: list[list[Any]], seconds: float) -> dict[str, float]:  # noqa: ANN401
    """Microseconds of single calls, one after the other."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end or len(taken) < CHANGE_EVERY * 2:
        call(versions[len(taken) // CHANGE_EVERY % len(versions)])
        taken.append(1e6 * (time.perf_counter() - begin))
    taken.sort()
    return {
        "calls": len(taken),
        "p50": statistics.median(taken),
        "p99": taken[int(0.99 * (len(taken) - 1))],
        "mean": statistics.fmean(taken),
    }


def say(line: dict[str, Any]) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
