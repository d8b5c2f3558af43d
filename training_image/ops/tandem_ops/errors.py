"""What can go wrong in this package, apart from TensorFlow's own errors.

::

    TandemOpsError
    ├── BadConfiguration   the caller's: a table, optimizer or initializer that cannot be (also a ValueError)
    ├── NotEager           the caller's: a call that returns NumPy arrays was made inside a tf.function
    ├── StreamUnfinished   the caller's: the index of a stream was asked for before its last block
    ├── BlocksRefused      the world's: blocks or their index are torn, damaged or foreign; the table is as it was
    ├── LoadInterrupted    the world's: blocks that had been verified could not be read again; restore the table
    └── LibraryUnusable    the installation's: no compiled kernels, or another TensorFlow's (also an ImportError)

A tensor argument that does not fit (dtype, shape, a stale handle, rows that cannot be restored) is TensorFlow's
``tf.errors.InvalidArgumentError`` with the table's name and the argument's in its message, as for every other op.
"""


class TandemOpsError(Exception):
    """Base of this package's errors."""


class BadConfiguration(TandemOpsError, ValueError):  # noqa: N818 (reads as a sentence where it is raised)
    """A table, optimizer or initializer was described in a way that cannot work; the message says what to change."""


class NotEager(TandemOpsError):  # noqa: N818 (the same)
    """A call that returns NumPy arrays was made while a tf.function was traced."""


class StreamUnfinished(TandemOpsError):  # noqa: N818 (the same)
    """The index of a stream of blocks was asked for before the last block, or the stream was closed in the middle."""


class BlocksRefused(TandemOpsError, ValueError):  # noqa: N818 (the same)
    """Blocks or their index are not what a table may load; the message names the block, the field and the reason.

    The table is as it was.
    """


class LoadInterrupted(TandemOpsError):  # noqa: N818 (the same)
    """A block that had been verified could not be read again, or not with the same bytes, while the table was loaded.

    The table holds a part of the stream: load it again, or restore another one, before it is used.
    """


class LibraryUnusable(TandemOpsError, ImportError):  # noqa: N818 (the same)
    """The compiled kernels cannot be used here; the message says how to build or install ones that can."""
