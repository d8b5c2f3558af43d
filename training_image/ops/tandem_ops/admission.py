r"""Which ids get a row.

Most ids of a stream come a few times and never again, yet each would cost a row with its optimizer slots. A rule is
asked at every occurrence of an id that has no row; until it says yes, the id reads the table's default row, its handle
is ``NO_HANDLE``, and only a few bytes of a sketch of fixed size know of it. Let :math:`c` be the occurrences of an id
since it was first seen at :math:`t_0`, and :math:`\theta` the threshold: occurrences that make an id worth a row. The
Poisson rules ask

.. math:: q = P(\text{at least } \theta - c \text{ more within the horizon } H)

and admit the id when q reaches their ``confidence``, or when :math:`c = \theta`. Time is the event time that ``lookup``
is told, in its units (ticks); the wall clock plays no part. Decisions depend on the stream and the table's seed alone,
and are the same for any number of threads and on every machine; the rule's state is part of snapshots.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

from tandem_ops.errors import BadConfiguration

SKETCH_BYTES = 4 * 2**20
_MOST_THRESHOLD = 1_000_000
_MOST_TICKS = 2**32 - 1
_MOST_SKETCH_BYTES = 2**40


@dataclass(frozen=True, slots=True)
class Admission:
    """Base of the rules; ``kind`` names the core's."""

    kind: ClassVar[str]

    def options(self) -> dict[str, float]:
        """Return what the core is told beside the kind: the rule's numbers by their names."""
        return {field.name: float(getattr(self, field.name)) for field in fields(self)}

    def _require_whole(self, what: str, least: int, most: int) -> None:
        value = getattr(self, what)
        if not (least <= value <= most and value == int(value)):
            raise BadConfiguration(
                f"{type(self).__name__}.{what} must be a whole number in {least} … {most}, not {value}"
            )


@dataclass(frozen=True, slots=True)
class Every(Admission):
    """Every id, at its first occurrence. Holds no state."""

    kind: ClassVar[str] = "every"


@dataclass(frozen=True, slots=True)
class Bernoulli(Admission):
    """Each occurrence, with the same probability. Holds no sketch: 256 bytes for each of 64 stripes.

    Args:
      probability: above 0, at most 1.

    Raises:
      BadConfiguration: it is not.

    Example:
      >>> Bernoulli(0.1).options()
      {'confidence': 0.1}
    """

    probability: float
    kind: ClassVar[str] = "bernoulli"

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise BadConfiguration(f"Bernoulli.probability must be above 0 and at most 1, not {self.probability}")

    def options(self) -> dict[str, float]:
        """Return what the core is told."""
        return {"confidence": float(self.probability)}


@dataclass(frozen=True, slots=True)
class CountAtLeast(Admission):
    r"""An id that came ``threshold`` times; DeepRec, TFPlus and Monolith have this rule.

    With a horizon, counts age: what came longer ago than that is cut off as if it had come evenly.

    Args:
      threshold: occurrences, 1 … 1,000,000; the last of them has the row already.
      horizon: ticks that counts are remembered for, at most 2³² - 1; 0 remembers for ever.
      sketch_bytes: memory of the counts, 8 bytes for an id; see :class:`GammaPoisson`.

    Raises:
      BadConfiguration: an argument is out of its range.

    Example:
      >>> CountAtLeast(3).options()
      {'threshold': 3.0, 'horizon': 0.0, 'sketch_bytes': 4194304.0}
    """

    threshold: int
    horizon: int = 0
    sketch_bytes: int = SKETCH_BYTES
    kind: ClassVar[str] = "count"

    def __post_init__(self) -> None:
        self._require_whole("threshold", 1, _MOST_THRESHOLD)
        self._require_whole("horizon", 0, _MOST_TICKS)
        self._require_whole("sketch_bytes", 1, _MOST_SKETCH_BYTES)


@dataclass(frozen=True, slots=True)
class Poisson(Admission):
    r"""An id that will probably reach the threshold at the rate at which it came so far.

    .. math:: \hat\lambda = \frac{c - 1}{t - t_0}, \quad \Lambda = \hat\lambda H, \quad
       q = 1 - \sum_{j < \theta - c} e^{-\Lambda} \frac{\Lambda^j}{j!}

    The estimate of the rate is unbiased: the first occurrence only opens the time that is counted. So no id is admitted
    at first sight, unless the threshold is 1. Occurrences of one instant count as one tick apart, or as the shortest
    step between the event times that were told.

    Args:
      threshold: θ, 1 … 1,000,000.
      horizon: H in ticks, at most 2³² - 1, for an endless stream; counts age with it. 0 only if ``ends_at`` is told.
      ends_at: event time at which training ends; what is left until then bounds H. 0: never.
      confidence: the least q, in (0, 1]. 0 admits with probability q instead, by a draw that is a function of the
        table's seed, the key and c; that takes more rows for the same loss.
      sketch_bytes: see :class:`GammaPoisson`.

    Raises:
      BadConfiguration: an argument is out of its range, or the rule has neither horizon nor end.

    Example:
      >>> import tandem_ops as ops
      >>> rule = ops.Poisson(threshold=3, horizon=3600)
      >>> table = ops.HashVariable("user", dim=4, initializer=ops.Zeros(), optimizer=ops.SGD(0.1), admission=rule)
      >>> _, handles = table.lookup(["ann", "bob"], event_time=100)
      >>> _, handles = table.lookup(["ann", "eve"], event_time=130)  # ann: a rate of 1/30, an hour ahead
      >>> (handles.numpy() != ops.NO_HANDLE).tolist()
      [True, False]
    """

    threshold: int
    horizon: int = 0
    ends_at: int = 0
    confidence: float = 0.2
    sketch_bytes: int = SKETCH_BYTES
    kind: ClassVar[str] = "poisson"

    def __post_init__(self) -> None:
        self._require_whole("threshold", 1, _MOST_THRESHOLD)
        self._require_whole("horizon", 0, _MOST_TICKS)
        self._require_whole("ends_at", 0, _MOST_TICKS)
        if not 0 <= self.confidence <= 1:
            raise BadConfiguration(f"{type(self).__name__}.confidence must be in 0 … 1, not {self.confidence}")
        self._require_whole("sketch_bytes", 1, _MOST_SKETCH_BYTES)
        if not (self.horizon or self.ends_at):
            raise BadConfiguration(
                f"{type(self).__name__} needs a horizon, or ends_at, the event time at which training ends"
            )


@dataclass(frozen=True, slots=True)
class GammaPoisson(Poisson):
    r"""An id that will probably reach the threshold, given how often it came and what other ids turned out to be.

    Rates of ids have a Gamma distribution; an id that first came s ticks after the stream began has the prior
    :math:`\text{Gamma}(a, b + k s)`: where ids are always the same ones (k = 1), one that was not seen for long is a
    rare one; where they are news when they come (k = 0), it is not. After c occurrences, with
    :math:`\beta = b + k s + t - t_0` and :math:`r = a + c - 1`, the number of those to come is negative binomial:

    .. math:: q = 1 - \sum_{j < \theta - c} \frac{\Gamma(r + j)}{\Gamma(r)\, j!}
       \left(\frac{\beta}{\beta + H}\right)^{r} \left(\frac{H}{\beta + H}\right)^{j}

    a, b and k are the most likely ones for some 512 ids that the rule watches, and are found anew as the stream goes
    on: nothing about rates is set by hand. Those ids wait for their second occurrence, since one that is admitted at
    first sight teaches nothing.

    Args:
      threshold: θ, 1 … 1,000,000.
      horizon: H in ticks, at most 2³² - 1, for an endless stream; counts age with it. 0 only if ``ends_at`` is told.
      ends_at: event time at which training ends; what is left until then bounds H. 0: never.
      confidence: the least q, in (0, 1]: of the rows made at the least promising moment, one in five reaches the
        threshold at the default. 0 draws, as in :class:`Poisson`.
      sketch_bytes: memory of counts and first-seen times, made at once and never more. An id without a row takes 8
        bytes; when there is no room, the id of the lowest rate so far is forgotten. 8 bytes for each such id of a
        horizon is ample, a third of it loses little.

    Raises:
      BadConfiguration: an argument is out of its range, or the rule has neither horizon nor end.

    Example:
      >>> import tandem_ops as ops
      >>> rule = ops.GammaPoisson(threshold=10, horizon=86_400)
      >>> table = ops.HashVariable("item", dim=4, initializer=ops.Zeros(), optimizer=ops.SGD(0.1), admission=rule)
      >>> _, handles = table.lookup(["shoe"] * 10, event_time=1_000)
      >>> bool(handles[0] == ops.NO_HANDLE), bool(handles[-1] == ops.NO_HANDLE), int(table.size())
      (True, False, 1)

    Source: Greenwood & Yule 1920 (the prior and its predictive distribution); Vitter 1985 (which ids are watched).
    """

    kind: ClassVar[str] = "gamma_poisson"
