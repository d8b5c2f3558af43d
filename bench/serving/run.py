"""The parts of ``python -m bench serving``, in order."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import grpc
from tandem_wire.errors import WireError

from bench.figures import Figure
from bench.serving.beside import beside_updates
from bench.serving.creep import creep
from bench.serving.fold_nodes import fold_nodes
from bench.serving.mixing import mixing
from bench.serving.scale import SMOKE, ServingScale
from bench.serving.swaps import swaps
from bench.serving.throughput import throughput
from bench.serving.user_once import user_once
from bench.side import SideFailed

__all__ = ["SMOKE", "ServingScale", "parts"]

Measured = Callable[[], Iterator[Figure]]


def parts(scale: ServingScale) -> Mapping[str, Measured]:
    """Return what the bench consists of; nothing is begun before it is asked."""
    measured: Mapping[str, Measured] = {
        "fold": fold_nodes,
        "throughput": lambda: throughput(scale),
        "user_once": lambda: user_once(scale),
        "updates": lambda: beside_updates(scale),
        "swaps": lambda: swaps(scale),
        "mixing": lambda: mixing(scale),
        "creep": lambda: creep(scale),
    }
    return {name: partial(_apart, part) for name, part in measured.items()}


def _apart(part: Measured) -> Iterator[Figure]:
    """Let a part that fails say so, and the others be measured."""
    try:
        yield from part()
    except subprocess.CalledProcessError as error:
        raise SideFailed(f"{error}: {error.stderr}") from error
    except (grpc.RpcError, WireError, OSError) as error:
        raise SideFailed(f"{type(error).__name__}: {error}") from error
