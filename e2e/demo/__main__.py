"""``python -m e2e.demo [--data LOG] [--down]``: the whole system on a real cluster, with its report."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import REPOSITORY
from e2e.demo.errors import DemoError, NotHeldError
from e2e.demo.generator import Pace
from e2e.demo.kube import connect
from e2e.demo.model import Plan

NAMESPACE = "tandem-demo"
NOT_HELD, WORLD_FAILED = 3, 1


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m e2e.demo", description="The whole system on a real cluster.")
    top.add_argument("--data", type=Path, metavar="LOG", help="replay this .parquet or .csv log of clicks")
    top.add_argument("--rate", type=float, default=400, help="impressions per second (default 400)")
    top.add_argument("--swap-every", type=int, default=50, metavar="S", help="seconds from base to base (default 50)")
    top.add_argument("--handoff", choices=("Overlap", "Pause"), default="Overlap")
    top.add_argument("--namespace", default=NAMESPACE)
    top.add_argument("--out", type=Path, default=REPOSITORY / "build" / "demo", help="folder of the report")
    top.add_argument("--down", action="store_true", help="remove the demonstration and the operator instead")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status: 0 all held, 3 something did not, 1 it could not run."""
    words = parser().parse_args(argv)
    # TensorFlow's own remarks are not ours; proxies lead out of the cluster, and all that we speak to is in it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        kube = connect(words.namespace)
        for name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
            del os.environ[name]
        from e2e.demo.driver import Script, run  # noqa: PLC0415 - TensorFlow's import heeds the environment set above
        from e2e.demo.system import System  # noqa: PLC0415

        if words.down:
            gone = System(kube, words.out).remove()
            print("removed" if gone else "removed; the operator stays, since other OnlineModels need it")
        else:
            plan = Plan(swap_every=words.swap_every, handoff=words.handoff)
            run(kube, Script(plan=plan, pace=Pace(rate=words.rate), folder=words.out, data=words.data))
    except (DemoError, ClusterError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return NOT_HELD if isinstance(error, NotHeldError) else WORLD_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
