"""What the schema accepts and this operator cannot do yet.

Named in the condition SpecSupported, never passed over in silence. Pure.
"""

from tandem_operator.api import OptimizerForm, OptimizerName, Quantize, Spec


def unsupported(spec: Spec) -> tuple[str, ...]:
    """Give one sentence for each field that has no effect yet."""
    training, gates, compression = spec.training, spec.rollout.gates, spec.export.compression
    optimizer = training.optimizer
    said = (
        (spec.bootstrap.source is not None, "spec.bootstrap.from: the first base is always trained so far; remove it"),
        (
            training.workers > 1 or training.parameter_servers > 0,
            "spec.training.workers and parameterServers: each training Job is one pod so far; set them to 1 and 0",
        ),
        (
            optimizer.name is OptimizerName.FTRL and (optimizer.l21 > 0 or optimizer.form is not OptimizerForm.PROX),
            "spec.training.optimizer: trainers refuse l21 and form with Ftrl; take Adagrad with form DualAveraging",
        ),
        (
            optimizer.name is OptimizerName.SGD and optimizer.form is not OptimizerForm.PROX,
            "spec.training.optimizer.form: trainers refuse this form with Sgd; take Prox, or Adagrad or Adam",
        ),
        (
            compression.quantize is not Quantize.NONE,
            "spec.export.compression.quantize: rows stay float32 so far; set it to None",
        ),
        (
            not compression.drop_zero_rows,
            "spec.export.compression.dropZeroRows: zero rows are always left out so far; set it to true",
        ),
        (gates.latency_p99 is not None, "spec.rollout.gates.latencyP99: it is not asked so far; remove it"),
        (
            spec.monitoring.alerts.enabled,
            "spec.monitoring.alerts: no alerting rules are written so far; set enabled to false",
        ),
    )
    return tuple(sentence for holds, sentence in said if holds)


def blocks_bootstrap(spec: Spec) -> bool:
    """Tell whether a model without a base must wait: training one silently is not what the user asked for."""
    return spec.bootstrap.source is not None
