"""What can go wrong in a model server, drawn as one tree.

ServingError
  ConfigError        the user's: the pod can't start with this configuration; exit code 2
  BuildError         a base or an update that must not be served; the pod goes on with what it serves
    BadExport          the export of a base is incomplete, foreign or does not run
    BadUpdate          a record is whole but its content does not fit the model
    NoRoom             a base does not fit into what the container's limit leaves
  EngineError        the child that answers
    EngineGone         it ended, or does not answer: nothing can be served any more; exit code 1
    EngineBug          it was told what it can't do
  RequestError       what a client is told, each with its gRPC code and HTTP status
    BadRequest         the request is wrong; the message names the input and the remedy
    NotReady           nothing is loaded yet
    Overloaded         too many requests at once, or too large
    Broken             the model fails on a request that looked right
    Forwarded          what the engine refused of a REST request
"""

# ruff: noqa: N818 - the names say what happened; the tree says that they are errors
from http import HTTPStatus
from typing import ClassVar

from grpc import StatusCode


class ServingError(Exception):
    """Every error that this program raises on purpose."""


class ConfigError(ServingError):
    """The configuration is wrong; only the user can change it.

    Args:
      reason: one CamelCase word for the condition that the operator shows.
      message: a sentence that says what to change.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BuildError(ServingError):
    """A base or an update that must not be served."""


class BadExport(BuildError):
    """The serving export of a base is incomplete, foreign or does not run."""


class BadUpdate(BuildError):
    """A verified record whose content does not fit the model it claims to update."""


class NoRoom(BuildError):
    """A base does not fit into what the container's memory limit leaves beside what is served."""


class EngineError(ServingError):
    """The child process that answers requests did not do what it was told."""


class EngineGone(EngineError):
    """The engine ended, or does not answer; this program ends too, and is started again."""


class EngineBug(EngineError):
    """The engine refused a command as one that makes no sense: an error in this program or in the engine."""


class RequestError(ServingError):
    """What a client is told."""

    code: ClassVar[StatusCode] = StatusCode.INTERNAL
    http: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    ours: ClassVar[bool] = True
    """Whether the report counts it as an error of this server."""


class BadRequest(RequestError):
    """The request is wrong; the message names the input and the remedy."""

    code = StatusCode.INVALID_ARGUMENT
    http = HTTPStatus.BAD_REQUEST
    ours = False


class NotReady(RequestError):
    """Nothing is loaded yet."""

    code = StatusCode.UNAVAILABLE
    http = HTTPStatus.SERVICE_UNAVAILABLE


class Overloaded(RequestError):
    """More at once than this server takes; a client may try another replica."""

    code = StatusCode.RESOURCE_EXHAUSTED
    http = HTTPStatus.TOO_MANY_REQUESTS


class Broken(RequestError):
    """The model fails on a request that looked right."""


class Forwarded(RequestError):
    """What the engine refused of a REST request, passed on in its words; the engine has counted it.

    Args:
      code: gRPC's.
      http: what that is in HTTP.
      message: the engine's sentence.
    """

    def __init__(self, code: StatusCode, http: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]
        self.http = http  # type: ignore[misc]
