"""What may go wrong with the demonstration; each message says what to do.

DemoError
├── BadLogError         a real log that can't be replayed (the user's)
├── CannotReachError    a service of the cluster does not answer (the world's)
├── CommandFailedError  kubectl or helm refused (the cluster's sentence is in the message)
├── TooLateError        a step was not done by its deadline
└── NotHeldError        the demonstration ran to its end, and something it promises did not hold
"""


class DemoError(Exception):
    """Base of everything below."""


class BadLogError(DemoError):
    """The log given by ``DATA`` can't be replayed."""


class CannotReachError(DemoError):
    """A service in the cluster can't be reached from this machine."""


class CommandFailedError(DemoError):
    """A program ended with an error."""


class TooLateError(DemoError, TimeoutError):
    """Something awaited did not come in time."""


class NotHeldError(DemoError):
    """A promise of the demonstration did not hold."""
