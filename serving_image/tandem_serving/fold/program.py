"""What an engine runs for one base: program.json (``tandem.program/1``) and the graphs beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, cast

from tandem_wire.codec import canonical, dump, load, parse
from tandem_wire.errors import InvalidValue

from tandem_serving.fold.checking import check_chain
from tandem_serving.fold.steps import Step

PROGRAM: Final = "program.json"
FOLD: Final = "fold.pb"
REST: Final = "rest.pb"


@dataclass(frozen=True, slots=True)
class FoldInput:
    """One input of the fold graph: a tensor, and which weight of model.json it takes."""

    tensor: str
    weight: int


@dataclass(frozen=True, slots=True)
class Intervals:
    """After how many calls or seconds results of the fold graph are too old; 0: calls, or time, do not count."""

    count_interval: int = field(metadata={"json": "count_interval"})
    time_interval: float = field(metadata={"json": "time_interval"})


@dataclass(frozen=True, slots=True)
class Fold:
    """The graph that runs once per version of the weights.

    Attributes:
      graph: name of the object.
      inputs: what it reads.
      outputs: its tensors.
      intervals: None, or when answers take its results anew, as the article's CallGraph operation has it.
    """

    graph: str
    inputs: tuple[FoldInput, ...]
    outputs: tuple[str, ...]
    intervals: Intervals | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One float32 array of a version: a weight of model.json as it is, or an output of the fold graph."""

    name: str
    shape: tuple[int, ...]
    weight: int | None = None
    fold: int | None = None

    def __post_init__(self) -> None:
        if (self.weight is None) == (self.fold is None):
            raise InvalidValue("", f"slot {self.name!r} must have exactly one of weight and fold")
        if any(n < 0 for n in self.shape):
            raise InvalidValue("shape", f"{list(self.shape)} has a negative length")


@dataclass(frozen=True, slots=True)
class Rest:
    """The graph that runs for each batch; features are float32 (batch, width), outputs float32 (batch,)."""

    graph: str
    features: tuple[str, ...]
    slots: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProgramFeature:
    """One feature, in the order of ``dense.features`` of model.json."""

    name: str
    width: int


@dataclass(frozen=True, slots=True)
class Program:
    """The whole program.json; its parts must fit together.

    Attributes:
      fold: None where nothing hangs on weights only.
      slots: weights first, then what the fold graph makes.
      rest: any graph's rest; a chain, where there is one, computes the same.
      features: what a batch brings.
      outputs: names of the answers; a chain's step of ``out`` ``v:NAME`` makes each, with one column.
      chain: steps in order, each reading features, slots and what stands before it; or None.
      no_chain_because: a sentence, where there is no chain.
    """

    FORMAT: ClassVar[str] = "tandem.program/1"

    fold: Fold | None
    slots: tuple[Slot, ...]
    rest: Rest
    features: tuple[ProgramFeature, ...]
    outputs: tuple[str, ...]
    chain: tuple[Step, ...] | None
    no_chain_because: str = ""
    graphs: Mapping[str, bytes] = field(default_factory=dict, compare=True, repr=False)

    def __post_init__(self) -> None:
        if (self.chain is None) != bool(self.no_chain_because):
            raise InvalidValue("no_chain_because", "must be a sentence exactly where chain is null")
        if self.chain is not None and self.fold is not None and self.fold.intervals is not None:
            raise InvalidValue("chain", "must be null where fold has intervals, which only the graph knows of")
        for name, given, wanted in (
            ("rest.features", self.rest.features, self.features),
            ("rest.slots", self.rest.slots, self.slots),
            ("rest.outputs", self.rest.outputs, self.outputs),
        ):
            if len(given) != len(wanted):
                raise InvalidValue(name, f"has {len(given)} entries, must have {len(wanted)}")
        made = len(self.fold.outputs) if self.fold else 0
        results = [slot.fold for slot in self.slots if slot.fold is not None]
        if results != list(range(made)):
            raise InvalidValue("slots", f"take {results} of the fold graph's {made} outputs; each once and in order")
        if self.chain is not None:
            check_chain(
                self.chain,
                {f.name: f.width for f in self.features},
                [slot.shape for slot in self.slots],
                self.outputs,
            )
        wanted_graphs = {self.rest.graph} | ({self.fold.graph} if self.fold else set())
        if set(self.graphs) != wanted_graphs:
            raise InvalidValue("", f"names the graphs {sorted(wanted_graphs)}, but there are {sorted(self.graphs)}")

    def files(self) -> dict[str, bytes]:
        """Return all objects of the program by name, program.json among them."""
        body = {
            "format": self.FORMAT,
            "fold": None if self.fold is None else _given(self.fold),
            "slots": [_given(slot) for slot in self.slots],
            "rest": dump(self.rest),
            "features": dump(self.features),
            "outputs": list(self.outputs),
            "chain": None if self.chain is None else [step.to_value() for step in self.chain],
            "no_chain_because": self.no_chain_because,
        }
        return {PROGRAM: canonical(body), **self.graphs}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Program":
        """Read what ``files`` wrote.

        Raises:
          InvalidValue: naming the file or field that is missing, unknown or wrong.
        """
        if PROGRAM not in files:
            raise InvalidValue("", f"{PROGRAM} is missing")
        form = load(_Form, parse(files[PROGRAM]))
        names = [form.rest.graph] + ([form.fold.graph] if form.fold else [])
        missing = [name for name in names if name not in files]
        if missing:
            raise InvalidValue("", f"{PROGRAM} names {missing[0]}, which is missing")
        chain = None
        if form.chain is not None:
            if not isinstance(form.chain, list):
                raise InvalidValue("chain", "must be a list or null")
            chain = tuple(Step.from_value(step, f"chain[{i}]") for i, step in enumerate(form.chain))
        return cls(
            form.fold,
            form.slots,
            form.rest,
            form.features,
            form.outputs,
            chain,
            form.no_chain_because,
            {name: files[name] for name in names},
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """The fields of program.json, its steps not yet read."""

    FORMAT: ClassVar[str] = Program.FORMAT

    fold: Fold | None
    slots: tuple[Slot, ...]
    rest: Rest
    features: tuple[ProgramFeature, ...]
    outputs: tuple[str, ...]
    chain: object
    no_chain_because: str = field(metadata={"json": "no_chain_because"})


def _given(part: object) -> dict[str, object]:
    """Return a part's fields without those that are None."""
    return {name: value for name, value in cast("dict[str, object]", dump(part)).items() if value is not None}
