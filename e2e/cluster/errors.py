"""What can go wrong here, drawn at its top: the person's errors and the machine's are handled differently."""


class ClusterError(Exception):
    """Anything this package reports; its message says what to do."""


class UserError(ClusterError):
    """The person asked for something that cannot be had as asked; trying again changes nothing."""


class NotRootError(UserError):
    """The command needs root: network namespaces, mounts and cgroups are the kernel's to guard."""


class MissingProgramError(UserError):
    """A program that a person must install is not there."""


class AddressTakenError(UserError):
    """The subnet or port that this clone uses belongs to something else on the machine."""


class NoSpaceError(UserError):
    """The disk has too little room for what is about to be written."""


class WorldError(ClusterError):
    """A program failed or did not answer in time; its own words are in the message."""


class CommandFailedError(WorldError):
    """A program ended with a status other than zero, or was ended for taking too long."""


class NotReadyError(WorldError):
    """A condition was not met within its time."""
