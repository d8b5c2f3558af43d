"""The key of a string id."""

import tensorflow as tf

from tandem_ops.arguments import TensorLike
from tandem_ops.native import kernels


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
    tensor = tf.convert_to_tensor(strings)
    if tensor.dtype != tf.string:
        raise tf.errors.InvalidArgumentError(
            None, None, f"fingerprint: strings must be of dtype string, not {tensor.dtype.name}"
        )
    return kernels.tandem_fingerprint(tensor)
