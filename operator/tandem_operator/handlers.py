"""kopf wiring: every event of a model or of one of its children only wakes the model's key in the queue.

Nothing is decided here.

kopf is imported without its types, hence the ignored decorators.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

import kopf

from tandem_operator.api import GROUP, LABEL_MODEL, PLURAL, VERSION


@kopf.on.startup()  # type: ignore[untyped-decorator]
def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    """Keep kopf to watching: no events of its own, no annotations, no finalizers."""
    settings.posting.enabled = False
    # kopf would watch CRDs and namespaces to notice new ones, rights that the operator does not ask for; main waits for
    # the CRD.
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.networking.request_timeout = 30


@kopf.on.event(GROUP, VERSION, PLURAL)  # type: ignore[untyped-decorator]
async def model(namespace: str | None, name: str | None, memo: kopf.Memo, **_: object) -> None:
    """Wake a model that was made, changed or deleted."""
    _wake(memo, namespace, name)


@kopf.on.event("batch", "v1", "jobs", labels={LABEL_MODEL: kopf.PRESENT})  # type: ignore[untyped-decorator]
@kopf.on.event("apps", "v1", "deployments", labels={LABEL_MODEL: kopf.PRESENT})  # type: ignore[untyped-decorator]
@kopf.on.event("", "v1", "pods", labels={LABEL_MODEL: kopf.PRESENT})  # type: ignore[untyped-decorator]
async def child(namespace: str | None, labels: Mapping[str, str], memo: kopf.Memo, **_: object) -> None:
    """Wake the model of a child that changed."""
    _wake(memo, namespace, labels.get(LABEL_MODEL))


def _wake(memo: kopf.Memo, namespace: str | None, name: str | None) -> None:
    if namespace and name:
        memo.wake(f"{namespace}/{name}")


def watch(
    wake: Callable[[str], None], namespaces: Sequence[str], ready: threading.Event, stop: threading.Event
) -> None:
    """Watch until told to stop, in a thread and event loop of its own.

    This is because kopf takes the signals and tasks of the loop that it runs in.

    Args:
      wake: called with ``namespace/name``, from this thread.
      namespaces: those to watch; none for all.
      ready: set once everything is being watched.
      stop: ends the watching.
    """
    asyncio.run(
        kopf.operator(
            registry=kopf.get_default_registry(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=tuple(namespaces),
            memo=kopf.Memo(wake=wake),
            ready_flag=ready,
            stop_flag=stop,
        )
    )
