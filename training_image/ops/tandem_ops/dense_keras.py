"""Sparse group lasso as a Keras optimizer: dead inputs and units of dense layers become exact zeros."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import keras  # type: ignore[import-untyped]
import tensorflow as tf

from tandem_ops.dense import DenseGroupLasso, Groups
from tandem_ops.group_lasso import GroupLasso
from tandem_ops.optimizers import SGD, Adagrad, Adam

_BASES = {base.__name__: base for base in (SGD, Adagrad, Adam)}
_MATRIX_RANK = 2


@keras.saving.register_keras_serializable(package="tandem_ops")
class GroupLassoOptimizer(keras.optimizers.Optimizer):  # type: ignore[misc] # Keras ships no types
    """Steps of :class:`DenseGroupLasso` on a model's kernels; biases and other vectors learn by the base alone.

    Args:
      optimizer: base, penalties and form.
      groups: whether the weights of an input (rows), of a unit (columns) or of a whole matrix live and die together.
      learning_rate: a number or a Keras schedule; the optimizer's own where None.
      name: of the optimizer.
      **options: those of every Keras optimizer, such as ``clipnorm``.

    Raises:
      BadConfiguration: ``groups`` is unknown.

    Example:
      >>> import keras, numpy as np, tandem_ops as ops
      >>> inputs = np.random.default_rng(0).standard_normal((512, 8)).astype("float32")
      >>> targets = inputs[:, :2] @ np.float32([[2.0], [-1.0]])  # six of the eight inputs say nothing
      >>> model = keras.Sequential([keras.Input([8]), keras.layers.Dense(1)])
      >>> optimizer = GroupLassoOptimizer(ops.GroupLasso(ops.Adam(0.05), l21=0.05), groups="rows")
      >>> model.compile(optimizer, loss="mse")
      >>> _ = model.fit(inputs, targets, epochs=40, verbose=0)
      >>> model.layers[0].kernel.numpy().any(axis=1)
      array([ True,  True, False, False, False, False, False, False])
    """

    def __init__(
        self,
        optimizer: GroupLasso,
        groups: Groups = "rows",
        *,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule | None = None,
        name: str = "group_lasso",
        **options: object,
    ) -> None:
        rate = optimizer.learning_rate if learning_rate is None else learning_rate
        super().__init__(learning_rate=rate, name=name, **options)
        self._penalised = DenseGroupLasso(optimizer, groups)
        self._plain = DenseGroupLasso(replace(optimizer, l1=0.0, l2=0.0, l21=0.0, form="prox"), groups)
        self._slots: list[dict[str, Any]] = []

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the slots of a model's weights.

        Args:
          variables: Keras variables.
        """
        if self.built:
            return
        super().build(variables)
        self._slots = [
            {
                slot: self.add_variable(
                    shape=value.shape,
                    initializer=keras.initializers.Constant(float(value.flat[0]) if value.size else 0.0),
                    dtype="float32",
                    name=f"{variable.name}_{slot}",
                )
                for slot, value in self._way(variable).initial(variable.shape).items()
            }
            for variable in variables
        ]

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Take one step of one weight.

        Args:
          gradient: of the weight's shape; slices of an embedding count as a dense gradient.
          variable: the weight.
          learning_rate: float32 scalar.
        """
        slots = self._slots[self._get_variable_index(variable)]
        weight, after = self._way(variable).update(
            tf.convert_to_tensor(variable),
            tf.cast(tf.convert_to_tensor(gradient), tf.float32),
            {slot: tf.convert_to_tensor(of) for slot, of in slots.items()},
            tf.cast(learning_rate, tf.float32),
        )
        self.assign(variable, weight)
        for slot, value in after.items():
            self.assign(slots[slot], value)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` makes the same optimizer from."""
        optimizer = self._penalised.optimizer
        base = {"class": type(optimizer.base).__name__, **asdict(optimizer.base)}
        penalties = {"l1": optimizer.l1, "l2": optimizer.l2, "l21": optimizer.l21, "form": optimizer.form}
        return {**super().get_config(), "base": base, "penalties": penalties, "groups": self._penalised.groups}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, object] | None = None
    ) -> "GroupLassoOptimizer":
        """Make the optimizer that ``get_config`` described.

        Args:
          config: of ``get_config``.
          custom_objects: where Keras looks a schedule up.
        """
        config = dict(config)
        base = dict(config.pop("base"))
        optimizer = GroupLasso(_BASES[base.pop("class")](**base), **config.pop("penalties"))
        if isinstance(config["learning_rate"], dict):
            config["learning_rate"] = keras.saving.deserialize_keras_object(
                config["learning_rate"], custom_objects=custom_objects
            )
        return cls(optimizer, **config)

    def _way(self, variable: keras.Variable) -> DenseGroupLasso:
        return self._penalised if len(variable.shape) >= _MATRIX_RANK else self._plain
