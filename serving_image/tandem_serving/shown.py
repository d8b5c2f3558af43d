"""What can be asked for beside what is answered from: versions of other bases that are held, and labels."""

from collections.abc import Mapping

from tandem_wire.target import Target
from tandem_wire.version import Version

from tandem_serving.engine import Engine
from tandem_serving.follow import labels


class Shown:
    """Tells the engine, once per change; one thread uses it.

    Args:
      engine: what is told.
    """

    __slots__ = ("_engine", "_labels", "_offered")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._offered: Mapping[int, Version] = {}
        self._labels: Mapping[str, int] = {}

    def label(self, target: Target | None) -> None:
        """Let bases be asked for by their labels; before the first version is published, so that who is ready has them.

        Args:
          target: which bases have labels.

        Raises:
          EngineGone: nothing can be served any more.
        """
        named = labels(target)
        if named != self._labels:
            self._engine.set_labels(named)
            self._labels = named

    def offer(self, held: Mapping[int, Version], current: Version | None) -> None:
        """Let the newest version of each base that is held be asked for.

        Args:
          held: the newest version of each base in memory.
          current: what is answered from; before the first there is nothing to ask for.

        Raises:
          EngineGone: nothing can be served any more.
        """
        if current is None:
            return
        for base, version in held.items():
            if base != current.base and self._offered.get(base) != version:
                self._engine.offer(version)
        self._offered = {base: version for base, version in held.items() if base != current.base}
