r"""The shrink of groups of a dense weight, the TensorFlow twin of the core's ``group_lasso.h``.

All functions are elementwise operations and reductions over fixed axes, so that XLA can compile them.
"""

from dataclasses import dataclass

import tensorflow as tf

NEWTON_STEPS = 8
"""With metrics over eight decades, the worst of 10⁵ random groups took 7."""


@dataclass(frozen=True, slots=True)
class Penalties:
    """What one step's minimiser is told.

    Args:
      l1: on single weights.
      twice_l2: 2·λ₂, added to the metric.
      group: √d·λ₂₁, on the norm of a group.
      axes: which axes of a weight a group extends over.
    """

    l1: tf.Tensor
    twice_l2: tf.Tensor
    group: tf.Tensor
    axes: tuple[int, ...]

    def sum(self, values: tf.Tensor) -> tf.Tensor:
        """Sum over each group; the axes stay, with size 1."""
        return tf.reduce_sum(values, axis=self.axes, keepdims=True)


def soft(s: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Move towards zero by the threshold, exactly +0 within it."""
    return s - tf.clip_by_value(s, -threshold, threshold)


def minimiser(s: tf.Tensor, metric: tf.Tensor, penalties: Penalties, before: tf.Tensor) -> tf.Tensor:
    r"""Minimise ½ Σ A x² - s·x + l1 ‖x‖₁ + k ‖x‖₂ over each group, A being the metric and 2·λ₂.

    .. math:: u = \operatorname{soft}(s, l1), \quad x = 0 \text{ if } \lVert u \rVert \le k, \text{ else }
       x_i = \frac{u_i}{A_i + k/\tau}, \quad \lVert u / (A\tau + k) \rVert = 1

    Newton's iteration for τ runs on the inverse of that norm, a concave function, so that no step passes the root
    from below; it starts at the greater of ``before``'s norm and a lower bound, below which it never goes.

    Args:
      s: float32, of the weight's shape.
      metric: D, positive, of the same shape.
      penalties: l1, 2·λ₂ and k of this step.
      before: the weight before the step, a hint.

    Returns:
      The new weight.
    """
    u = soft(s, penalties.l1)
    a = metric + penalties.twice_l2
    k = penalties.group
    norm = tf.sqrt(penalties.sum(tf.square(u)))
    mean = penalties.sum(tf.square(tf.math.divide_no_nan(u, norm)) * a)
    lowest = tf.math.divide_no_nan(tf.maximum(norm - k, 0.0), mean)
    tau = tf.maximum(tf.sqrt(penalties.sum(tf.square(before))), lowest)
    for _ in range(NEWTON_STEPS):
        r = 1 / (a * tau + k)
        squares = tf.square(u * r)
        psi = penalties.sum(squares)
        following = tau + psi * (tf.sqrt(psi) - 1) / penalties.sum(squares * (a * r))
        tau = tf.where(following > lowest, following, lowest)  # also where it is not a number
    return tf.where(norm > k, u / (a + k / tau), 0.0)


def published(s: tf.Tensor, metric: tf.Tensor, penalties: Penalties, before: tf.Tensor) -> tf.Tensor:
    r"""Shrink as the paper's closed form does.

    .. math:: x = \max(0, 1 - k / \lVert u \rVert)\, u / (D + 2\lambda_2), \quad u = \operatorname{soft}(s, l1)

    Args:
      s: float32, of the weight's shape.
      metric: D, at least 0, of the same shape.
      penalties: l1, 2·λ₂ and k of this step.
      before: the weight before the step; one whose metric is 0, since it never had a gradient, stays.

    Returns:
      The new weight.
    """
    u = soft(s, penalties.l1)
    a = metric + penalties.twice_l2
    norm = tf.sqrt(penalties.sum(tf.square(u)))
    lives = (norm > penalties.group) | tf.equal(penalties.group, 0.0)
    factor = 1 - tf.math.divide_no_nan(penalties.group, norm)
    return tf.where(lives, tf.where(a > 0, factor * u / a, before), 0.0)
