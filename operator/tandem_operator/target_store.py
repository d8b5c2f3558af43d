"""The only writer of a model's part of the store.

The cycle's memory, retention, and the end of all when a model is deleted.
"""

from datetime import datetime

from tandem_wire import retention
from tandem_wire.bases import list_bases
from tandem_wire.errors import Conflict
from tandem_wire.store import Store
from tandem_wire.target import read_target, write_target

from tandem_operator.actions import Retain, WriteTarget
from tandem_operator.api import Retention
from tandem_operator.errors import Stale


def write(store: Store, action: WriteTarget) -> None:
    """Write the next target by compare-and-swap.

    Raises:
      Stale: somebody else wrote meanwhile; what was decided is void.
    """
    try:
        write_target(store, action.target, action.etag)
    except Conflict as error:
        raise Stale(f"{store.location}/target.json was changed by another writer; it is decided anew") from error


def retain(store: Store, model: str, action: Retain, policy: Retention, now: datetime) -> retention.Freed:
    """Retire what nobody needs; decided anew from the store as it is now, so that a late call does no harm."""
    found = read_target(store)
    target = found[0] if found is not None else None
    keep = retention.Policy(bases=policy.bases, age=policy.age)
    going = retention.decide(keep, list_bases(store, model), target, action.needed, now)
    return retention.retire(store, model, going)


def sweep(store: Store, model: str, policy: Retention, now: datetime) -> int:
    """Delete data that no manifest names; returns how many objects went."""
    return retention.sweep(store, model, retention.Policy(bases=policy.bases, age=policy.age), now)


def purge(store: Store) -> None:
    """Delete everything of the model."""
    retention.erase(store)
