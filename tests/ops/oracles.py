"""What the optimizers' formulas say, in float64 and in the papers' letters (z rather than the pull that rows keep)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tandem_ops as ops

Floats = npt.NDArray[Any]


def soft(s: Floats, by: float) -> Floats:
    """sign(s) max(0, |s| - by)."""
    return np.sign(s) * np.maximum(np.abs(s) - by, 0.0)


def minimiser(s: Floats, a: Floats, l1: float, k: float) -> Floats:
    """The x that minimises ½ Σ a x² - s·x + l1 ‖x‖₁ + k ‖x‖₂; τ = ‖x‖ by bisection."""
    u = soft(s, l1)
    if np.linalg.norm(u) <= k:
        return np.zeros_like(u)
    if k == 0:
        return u / a
    low, high = 0.0, float(np.linalg.norm(u)) / float(a.min())
    for _ in range(200):
        tau = (low + high) / 2
        low, high = (tau, high) if np.linalg.norm(u / (a * tau + k)) > 1 else (low, tau)
    return u / (a + k / high)


@dataclass
class Row:
    """A row and all that its optimizer remembers of it."""

    x: Floats
    slots: dict[str, Floats]
    t: int = 0
    z: Floats | None = None
    d: Floats = field(default_factory=lambda: np.zeros(0))

    def pull(self) -> Floats:
        """What the tables keep instead of z."""
        assert self.z is not None
        return np.asarray(self.z + self.d * self.x)


def born(optimizer: ops.Optimizer, x: Floats) -> Row:
    """A row that has taken no step."""
    starts = zip(optimizer.slot_names, optimizer.slot_starts, strict=True)
    return Row(x.astype(np.float64), {name: np.full(x.shape, start) for name, start in starts if name != "pull"})


def step(optimizer: ops.Optimizer, row: Row, g: Floats) -> None:
    """Take the row's next step."""
    row.t += 1
    alpha = optimizer.learning_rate
    match optimizer:
        case ops.GroupLasso(base=base):
            _penalised(optimizer, base, row, g)
        case ops.Ftrl(power=p, epsilon=epsilon, l1=l1, l2=l2):
            before = (row.slots["accumulator"] ** p + epsilon) / alpha
            row.slots["accumulator"] = row.slots["accumulator"] + g**2
            d = (row.slots["accumulator"] ** p + epsilon) / alpha
            z = _accumulate(row, g, d, before)
            row.x = -soft(z, l1) / (d + 2 * l2)
        case ops.Momentum(momentum=mu, nesterov=nesterov):
            m = row.slots["momentum"] = mu * row.slots["momentum"] + g
            row.x = row.x - alpha * (g + mu * m if nesterov else m)
        case _:
            m, d = direction(optimizer, row, g)
            row.x = row.x - m / d


def direction(base: ops.Optimizer, row: Row, g: Floats, *, epsilon_counts: bool = True) -> tuple[Floats, Floats]:
    """Update the base's slots; its direction m̂ and metric D."""
    match base:
        case ops.Adagrad(epsilon=epsilon):
            row.slots["accumulator"] = row.slots["accumulator"] + g**2
            m, v = g, row.slots["accumulator"]
        case ops.Adam(beta1=b1, beta2=b2, epsilon=epsilon):
            row.slots["m"] = b1 * row.slots["m"] + (1 - b1) * g
            row.slots["v"] = b2 * row.slots["v"] + (1 - b2) * g**2
            m, v = row.slots["m"] / (1 - b1**row.t), row.slots["v"] / (1 - b2**row.t)
        case _:
            return g, np.full(g.shape, 1 / base.learning_rate)
    return m, (np.sqrt(v) + (epsilon if epsilon_counts else 0.0)) / base.learning_rate


def _penalised(optimizer: ops.GroupLasso, base: ops.Optimizer, row: Row, g: Floats) -> None:
    published = optimizer.form == "published"
    start = row.slots.get("accumulator", np.zeros_like(row.x))
    m, d = direction(base, row, g, epsilon_counts=not published)
    l1, l2, k = optimizer.l1, optimizer.l2, np.sqrt(row.x.size) * optimizer.l21
    if optimizer.form == "prox":
        w = row.x - m / d
        row.x = w if l1 == l2 == k == 0 else minimiser(d * w, d + 2 * l2, l1, k)
        return
    z = _accumulate(row, m, d, np.sqrt(start) / optimizer.learning_rate)
    if not published:
        row.x = minimiser(-z, d + 2 * row.t * l2, row.t * l1, row.t * k)
        return
    s = soft(-z, l1)
    norm = np.linalg.norm(s)
    factor = 1.0 if k == 0 else max(0.0, 1 - k / norm) if norm > 0 else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        x = factor * s / (d + 2 * l2)
    row.x = np.where(d + 2 * l2 > 0, x, row.x if factor > 0 else 0.0)


def _accumulate(row: Row, m: Floats, d: Floats, d_0: Floats) -> Floats:
    """Dual averaging's z, from z_0 = -D_0 x_1."""
    if row.z is None:
        row.z, row.d = -d_0 * row.x, d_0
    row.z = row.z + m - (d - row.d) * row.x
    row.d = d
    return row.z
