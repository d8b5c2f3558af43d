"""Many candidates for one user: the user's side sent and computed once, beside the same candidates as plain rows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from tandem_wire.model import DType, InputSpec, Pooling, Side

from bench import machine
from bench.figures import Figure, compare
from bench.rounds import interleave
from bench.serving import load, messages
from bench.serving.folded import questions
from bench.serving.load import Way
from bench.serving.messages import PREDICT
from bench.serving.model import IDS, NUMBERS
from bench.serving.scale import ServingScale
from bench.serving.session import World, check, world
from bench.serving.sides.server import ask

_CANDIDATES = 200
_USER_IDS, _USER_NUMBERS = 16, 5
_BODIES = 32

Inputs = Mapping[str, npt.NDArray[Any]]


def user_once(scale: ServingScale) -> Iterator[Figure]:
    """Measure rows a second of 200 candidates a request."""
    with ExitStack() as stack:
        declared = stack.enter_context(world(scale.rows, _inputs(Side.USER)))
        plain = stack.enter_context(world(scale.rows, _inputs(Side.ITEM)))
        ports = {name: stack.enter_context(made.pod("pod")).port for name, made in (("u", declared), ("p", plain))}
        ways = {
            "ours": _way(declared, ports["u"], "once", partial(_one_user, times=1)),
            "plain": _way(plain, ports["p"], "plain", _many_users),
            "repeated": _way(plain, ports["p"], "repeated", partial(_one_user, times=_CANDIDATES)),
        }
        measured: dict[str, Callable[[int], float]] = {
            name: partial(_rows, way, scale.seconds) for name, way in ways.items()
        }
        before = machine.load()
        runs = interleave(measured, scale.runs)
    setting = (
        f"{_CANDIDATES} candidates a request, {_USER_IDS} of {IDS} ids and {_USER_NUMBERS} of {NUMBERS} numbers the "
        f"user's, {scale.rows:,} rows; ours: the user's side declared in model.json and sent as one row; plain: "
        "nothing declared, candidates of as many users; repeated: nothing declared, one user's row for each"
    )
    yield compare("user_once_ratio", setting, "rows/s", runs, load=before)


def _inputs(side: Side) -> tuple[InputSpec, ...]:
    """The model's inputs, those of the user apart and first."""
    return (
        InputSpec("user_ids", DType.INT64, "ids", Pooling.NONE, _USER_IDS, side),
        InputSpec("user_numbers", DType.FLOAT32, None, Pooling.NONE, _USER_NUMBERS, side),
        InputSpec("item_ids", DType.INT64, "ids", Pooling.NONE, IDS - _USER_IDS),
        InputSpec("item_numbers", DType.FLOAT32, None, Pooling.NONE, NUMBERS - _USER_NUMBERS),
    )


def _many_users(seed: int, table_rows: int) -> Inputs:
    ids, numbers = questions(seed, _CANDIDATES, table_rows)
    return {
        "user_ids": ids[:, :_USER_IDS],
        "user_numbers": numbers[:, :_USER_NUMBERS],
        "item_ids": ids[:, _USER_IDS:],
        "item_numbers": numbers[:, _USER_NUMBERS:],
    }


def _one_user(seed: int, table_rows: int, times: int) -> Inputs:
    """One user's row, so many times, and the candidates."""
    inputs = dict(_many_users(seed, table_rows))
    for name in ("user_ids", "user_numbers"):
        inputs[name] = np.repeat(inputs[name][:1], times, axis=0)
    return inputs


def _way(made: World, port: int, name: str, inputs: Callable[[int, int], Inputs]) -> Way:
    """Write what is asked, and check that it is answered as the model does."""
    asked = [inputs(seed, len(made.values)) for seed in range(_BODIES)]
    whole = [np.resize(values, (_CANDIDATES, values.shape[1])) for values in asked[0].values()]
    answer = messages.predicted(ask(port, PREDICT, messages.predict_of(asked[0])))[1]
    check(f"ours, {name}", answer, made.folded.answers(made.values, whole))
    bodies = messages.write_bodies(made.folder / name, [messages.predict_of(each) for each in asked])
    return Way(port, PREDICT, bodies)


def _rows(way: Way, seconds: float, _: int) -> float:
    found = load.closed(way, seconds)
    return found.answered * _CANDIDATES / found.seconds
