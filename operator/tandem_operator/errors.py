"""What can go wrong in the operator itself.

The store's errors are ``tandem_wire.errors``, those of the spec ``api.SpecInvalid``.

::

    OperatorError
    ├── ClusterUnavailable   the API server cannot be reached or fails: the world's, tried again with back-off
    ├── ClusterRefused       the API server says no, and why: a missing right, a manifest that it does not take
    ├── ObjectGone           the object is not there (any more)
    └── Stale                what was observed has changed meanwhile: look again at once
"""


# ruff: noqa: N818 - the names say what happened, as sentences do


class OperatorError(Exception):
    """Anything that the operator itself raises."""

    reason = "OperatorError"


class ClusterUnavailable(OperatorError):
    """The API server did not answer, or answered that it cannot now."""

    reason = "ClusterUnavailable"


class ClusterRefused(OperatorError):
    """The API server refuses a request for good; its sentence says why."""

    reason = "ClusterRefused"


class ObjectGone(OperatorError):
    """No object of that name, or not the one with that uid."""

    reason = "ObjectGone"


class Stale(OperatorError):
    """Something changed between observing and writing; the next look decides anew."""

    reason = "Stale"
