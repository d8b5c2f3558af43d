"""The key of a string id, and how often two ids share one."""

from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tandem_ops.arguments import TensorLike
from tandem_ops.native import kernels

_SECOND_SEED: Final = 0x5EED
_PAIR: Final = np.dtype([("key", np.int64), ("second", np.int64)])


def fingerprint(strings: TensorLike) -> tf.Tensor:
    """XXH64 with seed 0 of the raw bytes, as two's complement int64: the key under which a string id is stored.

    This is a contract with every stored table and with every reader outside Python: it does not change. Of n
    different ids some two share a key with probability about n² / 2⁶⁵.

    Args:
      strings: string tensor of any shape, or str, bytes, or nested lists of them. A str counts as its UTF-8 bytes.

    Returns:
      int64 tensor of the same shape.

    Raises:
      tf.errors.InvalidArgumentError: the argument is no string tensor.

    Example:
      >>> fingerprint(["", "item-1"]).numpy()
      array([-1205034819632174695, -8619956990177755793])
    """
    return kernels.tandem_fingerprint(_strings("fingerprint", strings))


class CollisionCounter:
    """Counts string ids that share their key with another one, by a second fingerprint of each.

    A table knows keys only; whoever doubts shows the counter the ids. It keeps 16 bytes per distinct id. Ids that
    collide in both fingerprints, 1 pair in 2¹²⁸, count as one. Not for several threads at once.

    Example:
      >>> counter = CollisionCounter()
      >>> counter.add(["red", "green", "red"])
      >>> counter.ids, counter.collisions, counter.keys.tolist()
      (2, 0, [])
    """

    def __init__(self) -> None:
        self._known = np.empty(0, _PAIR)
        self._new: list[npt.NDArray[np.void]] = []

    def add(self, strings: TensorLike) -> None:
        """Take note of ids; those seen before change nothing.

        Args:
          strings: string tensor of any shape, or str, bytes, or nested lists of them.

        Raises:
          tf.errors.InvalidArgumentError: the argument is no string tensor.
        """
        tensor = tf.reshape(_strings("CollisionCounter.add", strings), [-1])
        pairs = np.empty(tensor.shape[0], _PAIR)
        pairs["key"] = kernels.tandem_fingerprint(tensor)
        pairs["second"] = kernels.tandem_fingerprint(tensor, seed=_SECOND_SEED)
        self._new.append(pairs)
        # Merged when what is new outgrows what is known, so that an id is sorted a few times and not at every call.
        if sum(map(len, self._new)) > len(self._known):
            self._merge()

    @property
    def ids(self) -> int:
        """How many distinct ids were added."""
        return len(self._merge())

    @property
    def collisions(self) -> int:
        """How many ids share their key with an earlier one: distinct ids less distinct keys."""
        known = self._merge()
        return int(np.count_nonzero(known["key"][1:] == known["key"][:-1]))

    @property
    def keys(self) -> npt.NDArray[np.int64]:
        """The keys that several ids share; int64 [n], sorted."""
        known = self._merge()["key"]
        return np.unique(known[1:][known[1:] == known[:-1]])

    def _merge(self) -> npt.NDArray[np.void]:
        if self._new:
            self._known = np.unique(np.concatenate([self._known, *self._new]))
            self._new = []
        return self._known


def _strings(call: str, strings: TensorLike) -> tf.Tensor:
    try:
        tensor = tf.convert_to_tensor(strings)
    except (TypeError, ValueError) as error:
        raise tf.errors.InvalidArgumentError(None, None, f"{call}: strings cannot become a tensor: {error}") from error
    if tensor.dtype != tf.string:
        raise tf.errors.InvalidArgumentError(
            None, None, f"{call}: strings must be of dtype string, not {tensor.dtype.name}"
        )
    return tensor
