"""The model's answers in NumPy, batch norm folded by hand: what every side must give, and what the peers are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.serving.model import EPSILON, HIDDEN, IDS, NUMBERS, TASKS

Floats = npt.NDArray[np.float32]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Folded:
    """Layers without batch norm, ReLU between them; the last has a column per task and a sigmoid behind it."""

    kernels: Sequence[Floats]
    biases: Sequence[Floats]

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the input and every layer."""
        return (self.kernels[0].shape[0], *(kernel.shape[1] for kernel in self.kernels))

    def answers(self, values: Floats, inputs: Sequence[npt.NDArray[Any]]) -> Floats:
        """Answer rows; float32 of shape (rows, tasks).

        Args:
          values: the table's rows, that of key k in place k; an id beyond them is a row of zeros.
          inputs: ids and numbers of shape (rows, their length), in the order of the model's inputs.
        """
        columns = [_rows(values, each).reshape(len(each), -1) if each.dtype == np.int64 else each for each in inputs]
        x = np.concatenate(columns, axis=1).astype(np.float64)
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            x = np.maximum(x @ kernel + bias, 0)
        return (1 / (1 + np.exp(-(x @ self.kernels[-1] + self.biases[-1])))).astype(np.float32)


def fold(weights: Mapping[str, Floats]) -> Folded:
    """Fold the four batch norms of the model into its layers."""
    scale, shift = _norm(weights, "input")
    kernels, biases = [], []
    for i in range(len(HIDDEN)):
        kernel, bias = weights[f"{i}/kernel"].astype(np.float64), weights[f"{i}/bias"].astype(np.float64)
        if i == 0:
            kernel, bias = kernel * scale[:, None], bias + shift @ kernel
        after, offset = _norm(weights, str(i))
        kernels.append((kernel * after).astype(np.float32))
        biases.append((bias * after + offset).astype(np.float32))
    kernels.append(np.concatenate([weights[f"{task}/kernel"] for task in TASKS], axis=1))
    biases.append(np.concatenate([weights[f"{task}/bias"] for task in TASKS]))
    return Folded(kernels, biases)


def questions(seed: int, rows: int, table_rows: int) -> tuple[Keys, Floats]:
    """Draw what is asked: ids evenly of the table's, and numbers."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, table_rows, (rows, IDS), dtype=np.int64)
    return ids, random.normal(0, 1, (rows, NUMBERS)).astype(np.float32)


def _rows(values: Floats, ids: Keys) -> Floats:
    known = ids < len(values)
    found: Floats = np.where(known[..., None], values[np.where(known, ids, 0)], 0)
    return found


def _norm(weights: Mapping[str, Floats], name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A batch norm as x * scale + shift."""
    gamma, beta, mean, variance = (
        weights[f"{name}/{part}"].astype(np.float64) for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    return scale, beta - mean * scale
