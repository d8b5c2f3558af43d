"""What may go wrong with the demonstration; each message says what to do.

DemoError
├── BadLog        a real log that can't be replayed (the user's)
├── CannotReach   a service of the cluster does not answer (the world's)
├── CommandFailed kubectl or helm refused (the cluster's sentence is in the message)
├── TooLate       a step was not done by its deadline
└── NotHeld       the demonstration ran to its end, and something it promises did not hold
"""


class DemoError(Exception):
    """Base of everything below."""


class BadLog(DemoError):
    """The log given by ``DATA`` can't be replayed."""


class CannotReach(DemoError):
    """A service in the cluster can't be reached from this machine."""


class CommandFailed(DemoError):
    """A program ended with an error."""


class TooLate(DemoError):
    """Something awaited did not come in time."""


class NotHeld(DemoError):
    """A promise of the demonstration did not hold."""
