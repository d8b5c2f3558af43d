"""What the schema accepts and this version cannot do yet: said in the condition SpecSupported, never passed over."""

from collections.abc import Callable
from typing import Final

from tandem_operator.api.serving import Gates, Quantize
from tandem_operator.api.source import DeletionPolicy
from tandem_operator.api.spec import Spec
from tandem_operator.api.training import AdmissionRule

Gap = tuple[Callable[[Spec], bool], str]

GAPS: Final[tuple[Gap, ...]] = (
    (
        lambda spec: spec.training.workers > 1 or spec.training.parameter_servers > 0,
        "spec.training.workers and parameterServers: each training Job is one pod so far; set them to 1 and 0",
    ),
    (
        lambda spec: spec.training.admission.rule is not AdmissionRule.EVERY,
        "spec.training.admission.rule: every id gets a row at once so far; set it to Every",
    ),
    (
        lambda spec: spec.training.eviction.ttl is not None,
        "spec.training.eviction.ttl: rows do not leave by age so far; remove it",
    ),
    (
        lambda spec: spec.serving.gpu is not None,
        "spec.serving.gpu: pods get the GPUs, but compute on the CPU so far; remove it",
    ),
    (
        lambda spec: spec.export.compression.quantize is not Quantize.NONE,
        "spec.export.compression.quantize: rows stay float32 so far; set it to None",
    ),
    (
        lambda spec: spec.rollout.gates != Gates(),
        "spec.rollout.gates: only the export's own checks are made so far; remove them",
    ),
    (
        lambda spec: bool(spec.rollout.steps),
        "spec.rollout.steps: a candidate goes to all pods at once so far; remove them",
    ),
    (
        lambda spec: spec.bootstrap.source is not None,
        "spec.bootstrap.from: the first base is always trained so far; remove it",
    ),
    (
        lambda spec: spec.store.deletion_policy is DeletionPolicy.DELETE,
        "spec.store.deletionPolicy: what is in the store is always retained so far; set it to Retain",
    ),
    (
        lambda spec: spec.monitoring.alerts.enabled,
        "spec.monitoring.alerts: no alerting rules are written so far; set enabled to false",
    ),
)


def unsupported(spec: Spec) -> tuple[str, ...]:
    """Return a sentence for each thing that `spec` asks for in vain, with what to do about it."""
    return tuple(sentence for asks, sentence in GAPS if asks(spec))
