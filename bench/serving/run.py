"""The parts of ``python -m bench serving``, in order."""

from collections.abc import Callable, Iterator, Mapping

from bench.figures import Figure
from bench.serving.beside import beside_updates
from bench.serving.creep import creep
from bench.serving.fold_nodes import fold_nodes
from bench.serving.mixing import mixing
from bench.serving.scale import SMOKE, ServingScale
from bench.serving.swaps import swaps
from bench.serving.throughput import throughput
from bench.serving.user_once import user_once

__all__ = ["SMOKE", "ServingScale", "parts"]


def parts(scale: ServingScale) -> Mapping[str, Callable[[], Iterator[Figure]]]:
    """Return what the bench consists of; nothing is begun before it is asked."""
    return {
        "fold": fold_nodes,
        "throughput": lambda: throughput(scale),
        "user_once": lambda: user_once(scale),
        "updates": lambda: beside_updates(scale),
        "swaps": lambda: swaps(scale),
        "mixing": lambda: mixing(scale),
        "creep": lambda: creep(scale),
    }
