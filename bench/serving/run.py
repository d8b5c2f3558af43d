"""The parts of ``python -m bench serving``, in order."""

from collections.abc import Callable, Iterator, Mapping

from bench.figures import Figure
from bench.serving.scale import SMOKE, ServingScale
from bench.serving.throughput import throughput

__all__ = ["SMOKE", "ServingScale", "parts"]


def parts(scale: ServingScale) -> Mapping[str, Callable[[], Iterator[Figure]]]:
    """Return what the bench consists of; nothing is begun before it is asked."""
    return {
        "throughput": lambda: throughput(scale),
    }
