"""What both interfaces do for a prediction: find the model, pin a version, compute, name the version."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tandem_serving.errors import BadExport, BadRequest, Broken, NotServed
from tandem_serving.gather import Floats
from tandem_serving.limits import Limits
from tandem_serving.metrics import Metrics
from tandem_serving.publish import Publisher
from tandem_serving.snapshot import Snapshot
from tandem_serving.tensors import Input

SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class Service:
    """One served model, for the interfaces to share.

    Args:
      name: what clients call it.
      publisher: where versions come from.
    """

    name: str
    publisher: Publisher
    limits: Limits
    metrics: Metrics

    def pick(self, name: str, number: int | None, label: str = "") -> Snapshot:
        """Pin the version that a request is answered from.

        Raises:
          NotServed: another model's name, an unknown version, or a label.
          NotReady: nothing is loaded.
        """
        self.check_name(name)
        if label:
            raise NotServed(
                f"version labels such as {label!r} are not served; ask for a version, or leave it out to get the newest"
            )
        return self.publisher.pick(number)

    def check_name(self, name: str) -> None:
        """Refuse another model's name.

        Raises:
          NotServed: naming the model that is here.
        """
        if name != self.name:
            raise NotServed(f"model {name!r} is not served here; this server has {self.name!r}")

    def predict(self, snapshot: Snapshot, inputs: Mapping[str, Input]) -> dict[str, Floats]:
        """Answer from one snapshot alone.

        Raises:
          Broken: the model fails on this request, or an answer is not finite.
        """
        started = time.perf_counter()
        features = snapshot.features(inputs)
        gathered = time.perf_counter()
        try:
            outputs = snapshot.model.dense.run(features, snapshot.weights)
        except BadExport as error:
            raise Broken(f"version {snapshot.version} can't answer this request: {error}") from error
        self.metrics.stage.labels("gather").observe(gathered - started)
        self.metrics.stage.labels("dense").observe(time.perf_counter() - gathered)
        named = {spec.name: output for spec, output in zip(snapshot.model.spec.outputs, outputs, strict=True)}
        for name, output in named.items():
            if not np.isfinite(output).all():
                row = int(np.nonzero(~np.isfinite(output))[0][0])
                raise Broken(
                    f"output {name!r} is not finite in row {row}; "
                    "its numeric inputs are far outside of what the model knows"
                )
        self.metrics.rows.inc(len(features[0]))
        return named


def check_signature(name: str) -> None:
    """Refuse any signature but the one that there is.

    Raises:
      BadRequest: naming it.
    """
    if name not in ("", SIGNATURE):
        raise BadRequest(f"signature_name {name!r} is unknown; leave it out, or send {SIGNATURE!r}")


def chosen(outputs: Mapping[str, Floats], names: Iterable[str]) -> dict[str, Floats]:
    """Keep the outputs that a client asked for; all when it named none.

    Raises:
      BadRequest: an output that the model does not have.
    """
    wanted = list(names)
    unknown = [name for name in wanted if name not in outputs]
    if unknown:
        raise BadRequest(
            f"output_filter names {unknown[0]!r}; the model has {', '.join(repr(name) for name in outputs)}"
        )
    return {name: outputs[name] for name in wanted} if wanted else dict(outputs)
