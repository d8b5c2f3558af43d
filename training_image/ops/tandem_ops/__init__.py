"""Elastic embedding tables for TensorFlow: rows appear when an id is first seen.

Example:
  >>> import tandem_ops as ops
  >>> table = ops.HashVariable("user_id", dim=16, initializer=ops.Uniform(0.05), optimizer=ops.Adagrad(0.05))
  >>> rows, handles = table.lookup([[7, 8], [7, 2**62]])
  >>> rows.shape, int(table.size())
  (TensorShape([2, 2, 16]), 3)
"""

import importlib
from types import ModuleType

from tandem_ops.admission import Admission, Bernoulli, CountAtLeast, Every, GammaPoisson, Poisson
from tandem_ops.block_folder import read_folder, write_folder
from tandem_ops.block_index import StreamIndex
from tandem_ops.blocks import Block, BlockStream
from tandem_ops.embedding import embedding_lookup, embedding_lookup_sparse
from tandem_ops.errors import (
    BadConfiguration,
    BlocksRefused,
    LibraryUnusable,
    LoadInterrupted,
    NotEager,
    StreamUnfinished,
    TandemOpsError,
)
from tandem_ops.fingerprint import CollisionCounter, fingerprint
from tandem_ops.group_lasso import GroupLasso
from tandem_ops.grouped import grouped_apply, grouped_lookup, grouped_peek
from tandem_ops.hash_variable import NO_HANDLE, HashVariable
from tandem_ops.initializers import Initializer, TruncatedNormal, Uniform, Zeros
from tandem_ops.optimizers import SGD, Adagrad, Adam, Ftrl, Momentum, Optimizer
from tandem_ops.snapshots import Delta, Snapshot
from tandem_ops.upkeep import Swept, TableStats

__all__ = [
    "NO_HANDLE",
    "SGD",
    "Adagrad",
    "Adam",
    "Admission",
    "BadConfiguration",
    "Bernoulli",
    "Block",
    "BlockStream",
    "BlocksRefused",
    "CollisionCounter",
    "CountAtLeast",
    "Delta",
    "Every",
    "Ftrl",
    "GammaPoisson",
    "GroupLasso",
    "HashVariable",
    "Initializer",
    "LibraryUnusable",
    "LoadInterrupted",
    "Momentum",
    "NotEager",
    "Optimizer",
    "Poisson",
    "Snapshot",
    "StreamIndex",
    "StreamUnfinished",
    "Swept",
    "TableStats",
    "TandemOpsError",
    "TruncatedNormal",
    "Uniform",
    "Zeros",
    "embedding_lookup",
    "embedding_lookup_sparse",
    "fingerprint",
    "grouped_apply",
    "grouped_lookup",
    "grouped_peek",
    "read_folder",
    "write_folder",
]


def __getattr__(name: str) -> ModuleType:
    # Keras is slow to import, and only who uses the layer needs it.
    if name == "keras":
        return importlib.import_module("tandem_ops.keras")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
