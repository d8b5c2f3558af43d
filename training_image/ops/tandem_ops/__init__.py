"""Elastic embedding tables for TensorFlow: rows appear when an id is first seen.

Example:
  >>> import tandem_ops as ops
  >>> table = ops.HashVariable("user_id", dim=16, initializer=ops.Uniform(0.05), optimizer=ops.Adagrad(0.05))
  >>> rows, handles = table.lookup([[7, 8], [7, 2**62]])
  >>> rows.shape, int(table.size())
  (TensorShape([2, 2, 16]), 3)
"""

from tandem_ops.errors import BadConfiguration, LibraryUnusable, NotEager, TandemOpsError
from tandem_ops.fingerprint import fingerprint
from tandem_ops.hash_variable import NO_HANDLE, HashVariable
from tandem_ops.initializers import Initializer, TruncatedNormal, Uniform, Zeros
from tandem_ops.optimizers import SGD, Adagrad, Adam, Optimizer
from tandem_ops.snapshots import Delta, Snapshot

__all__ = [
    "NO_HANDLE",
    "SGD",
    "Adagrad",
    "Adam",
    "BadConfiguration",
    "Delta",
    "HashVariable",
    "Initializer",
    "LibraryUnusable",
    "NotEager",
    "Optimizer",
    "Snapshot",
    "TandemOpsError",
    "TruncatedNormal",
    "Uniform",
    "Zeros",
    "fingerprint",
]
