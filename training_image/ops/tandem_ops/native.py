"""The compiled kernels: found, held against the running TensorFlow, loaded once.

The library stands beside this file in an installed wheel. When Python finds the source folder first (a shell or a
test that stands in it), the library of the installed distribution ``tandem-ops`` is taken, so that source and build
may live apart. A library is used only with the exact TensorFlow it was compiled for: TensorFlow gives no binary
compatibility between its C++ headers, and a mismatch would show as a crash in a training job instead of a sentence
at import.
"""

from importlib import metadata
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from tandem_ops.errors import LibraryUnusable

LIBRARY: Final = "libtandem_ops.so"
BUILT_FOR: Final = "built_for.txt"
_REMEDY: Final = (
    "Install the tandem-ops wheel built for it, or build one here: pip install --no-build-isolation training_image/ops."
)


def locate(beside: Path) -> Path:
    """The folder that holds the library and its note of the TensorFlow version.

    Args:
      beside: the folder of this package's Python files.

    Raises:
      LibraryUnusable: no installed library was found.
    """
    if (beside / LIBRARY).exists():
        return beside
    try:
        distribution = metadata.distribution("tandem-ops")
    except metadata.PackageNotFoundError:
        raise LibraryUnusable(
            f"tandem_ops at {beside} has no {LIBRARY}, and no tandem-ops is installed. {_REMEDY}"
        ) from None
    installed = Path(str(distribution.locate_file(f"tandem_ops/{LIBRARY}")))
    if not installed.exists():
        raise LibraryUnusable(f"the installed tandem-ops {distribution.version} has no {LIBRARY}. {_REMEDY}")
    return installed.parent


def check_version(built_for: str, running: str) -> None:
    """Refuse kernels that were compiled for another TensorFlow.

    Args:
      built_for: the version in the library's note, such as ``2.21.0``.
      running: ``tf.__version__``.

    Raises:
      LibraryUnusable: they differ.
    """
    if built_for != running:
        raise LibraryUnusable(
            f"tandem_ops was built for TensorFlow {built_for}, this process runs {running}. {_REMEDY}"
        )


def load() -> Any:  # noqa: ANN401 (TensorFlow makes the module of op functions at run time)
    """Load the kernels and return TensorFlow's module of their op functions.

    Raises:
      LibraryUnusable: the library is absent, or of another TensorFlow.
    """
    folder = locate(Path(__file__).parent)
    check_version((folder / BUILT_FOR).read_text().strip(), tf.__version__)
    return tf.load_op_library(str(folder / LIBRARY))


kernels: Final = load()
# Gradients reach the rows that a lookup returned and end there: the optimizer step is `apply`, not backpropagation.
for _op in ("TandemLookup", "TandemPeek"):
    tf.no_gradient(_op)
