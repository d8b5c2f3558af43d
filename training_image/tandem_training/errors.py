"""Every error a trainer can end with.

.. code-block:: text

    TrainingError
    ├── UserError      the user's: permanent until someone edits the spec; exit code 2
    └── WorldError     the world's: worth another try by a new pod; exit code 1
        └── SupersededError another writer owns the log; this pod's time is over; exit code 0

Errors of the store (``tandem_wire.errors``) have the same two kinds; ``main`` maps both.
"""

from __future__ import annotations


class TrainingError(Exception):
    """Base of all errors that a trainer raises itself.

    Attributes:
      reason: CamelCase word for machines; it becomes a condition's reason.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UserError(TrainingError):
    """Something in the spec or the user's data that no retry can mend; the message says what to change."""


class WorldError(TrainingError):
    """Something outside that may be better at the next try."""


class SupersededError(WorldError):
    """A newer writer owns the log, so nothing that this process could still do would count."""

    def __init__(self, message: str) -> None:
        super().__init__("Superseded", message)
