"""A version that was served, built anew from the store (I2)."""

from tandem_wire.errors import Refused
from tandem_wire.layout import LogId
from tandem_wire.lineage.follower import Follower, Step
from tandem_wire.lineage.serving import ServingState, apply, check_lineage, load_base
from tandem_wire.log import read_record
from tandem_wire.objects import get_part
from tandem_wire.records import Kind, Part, Record
from tandem_wire.store import Store


def rebuild(store: Store, base: int, update: int | None = None, model: str | None = None) -> ServingState:
    """Build a version anew: the base, the newest keyframe up to it, and the updates after that.

    Args:
      store: the model's store.
      base: the base.
      update: the slot of an update or keyframe, 0 for the base alone, None for the newest that can be read from here.
      model: if given, another model's records are refused.

    Raises:
      NotFound: base or update are not durable.
      Refused: a record on the way can't be used (with ``update`` None the state before it is returned), or the slot is
      a barrier.
    """
    state = load_base(store, base, model)
    if update is None:
        for step in Follower(store, base, model).poll():
            if isinstance(step, Step):
                state = apply(state, step.record, step.tensors)
        return state
    for record in _path(store, state, update, model):
        state = apply(state, record, get_part(store, record, Part.SERVING))
    return state


def _path(store: Store, state: ServingState, update: int, model: str | None) -> list[Record]:
    """Return the records from the newest keyframe up to ``update``, ascending; all must be readable."""
    log = LogId.updates(state.version.base)
    path: list[Record] = []
    for slot in range(update, 0, -1):
        record = read_record(store, log, slot, model)
        if record.kind is Kind.BARRIER:
            if slot == update:
                raise Refused(record.called, "is a barrier, no version was ever served under its number")
            continue
        check_lineage(state.version.base, state.digest, record)
        path.append(record)
        if record.kind is Kind.KEYFRAME:
            break
    return path[::-1]
