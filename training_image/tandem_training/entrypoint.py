"""From ``module:function`` to a model."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from tandem_training.errors import UserError
from tandem_training.models.protocol import Model


def load_model(entrypoint: str, config: Mapping[str, object], tasks: Sequence[str]) -> Model:
    """Import the entrypoint and build the model.

    Args:
      entrypoint: ``package.module:function``.
      config: ``spec.model.config``, handed to the function.
      tasks: of the streams, handed to the function.

    Raises:
      UserError: there is no such function, or the config does not fit it.
    """
    module_name, colon, function_name = entrypoint.partition(":")
    if not (module_name and colon and function_name):
        raise _unknown(entrypoint, "it must have the form package.module:function")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise _unknown(entrypoint, f"importing {module_name} failed: {error}") from error
    build = getattr(module, function_name, None)
    if not callable(build):
        raise _unknown(entrypoint, f"module {module_name} has no function {function_name}")
    model: Model = build(config, tasks)
    return model


def _unknown(entrypoint: str, problem: str) -> UserError:
    return UserError(
        "UnknownEntrypoint",
        f'spec.model.entrypoint "{entrypoint}": {problem}. Correct it, or use an image that has the module.',
    )
