"""What the schema accepts and this operator cannot do yet.

Named in the condition SpecSupported, never passed over in silence. Pure.
"""

from tandem_operator.api import AdmissionRule, Quantize, Spec


def unsupported(spec: Spec) -> tuple[str, ...]:
    """Give one sentence for each field that has no effect yet."""
    training, gates = spec.training, spec.rollout.gates
    said = (
        (
            spec.bootstrap.source is not None,
            "spec.bootstrap.from: the first base is not copied from another model; remove it to train one",
        ),
        (training.workers > 1, "spec.training.workers: one worker trains"),
        (training.parameter_servers > 0, "spec.training.parameterServers: the worker trains by itself"),
        (training.admission.rule is not AdmissionRule.EVERY, "spec.training.admission: every id gets a row"),
        (training.eviction.ttl is not None, "spec.training.eviction.ttl: rows stay"),
        (spec.export.compression.quantize is not Quantize.NONE, "spec.export.compression.quantize: rows stay float32"),
        (
            not spec.export.compression.drop_zero_rows,
            "spec.export.compression.dropZeroRows: zero rows are left out always",
        ),
        (gates.latency_p99 is not None, "spec.rollout.gates.latencyP99: the gate is not asked"),
        (spec.monitoring.alerts.enabled, "spec.monitoring.alerts: no rules are written"),
    )
    return tuple(f"{sentence} (not supported yet)" for holds, sentence in said if holds)


def blocks_bootstrap(spec: Spec) -> bool:
    """Tell whether a model without a base must wait: training one silently is not what the user asked for."""
    return spec.bootstrap.source is not None
