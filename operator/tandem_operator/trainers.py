"""From the resource to what a trainer and a server are told.

Pure translations into the values of ``tandem_wire.config``.
"""

from collections.abc import Mapping

from tandem_wire.config import (
    CallGraphConfig,
    Contract,
    KafkaConfig,
    OptimizerConfig,
    Role,
    SegmentsConfig,
    ServerConfig,
    StartAt,
    StoreConfig,
    StreamConfig,
    SwiftConfig,
    TrainerConfig,
    TrainingConfig,
)
from tandem_wire.errors import InvalidValue
from tandem_wire.target import Run

from tandem_operator.api import (
    Admission,
    AdmissionRule,
    CallGraph,
    Eviction,
    OnlineModel,
    OptimizerForm,
    Stream,
    Training,
)


def store_config(model: OnlineModel) -> StoreConfig:
    """Tell where this model's part of the store is."""
    s3 = model.spec.store.s3
    return StoreConfig(url=model.store_url, endpoint=s3.endpoint, region=s3.region)


def trainer_a(model: OnlineModel, run: Run) -> TrainerConfig:
    """Configure Model A for a run, from the spec as it is now."""
    now = contract(model)
    return _trainer(model, now, role=Role.A, number=run.makes, run=run)


def trainer_b(model: OnlineModel, base: int, made_from: Contract) -> TrainerConfig:
    """Configure Model B for a lineage, from what its base was made from."""
    return _trainer(model, made_from, role=Role.B, number=base, run=None)


def _trainer(model: OnlineModel, made_from: Contract, *, role: Role, number: int, run: Run | None) -> TrainerConfig:
    swift = model.spec.swift
    return TrainerConfig(
        role=role,
        model=model.key,
        number=number,
        parent=None if run is None else run.parent,
        due=None if run is None else run.due,
        store=store_config(model),
        entrypoint=made_from.entrypoint,
        config=made_from.config,
        freezing=made_from.freezing,
        streams=made_from.streams,
        training=made_from.training,
        swift=SwiftConfig(interval_seconds=swift.interval.total_seconds(), keyframe_every=swift.keyframe_every),
        window_seconds=model.spec.monitoring.window.total_seconds(),
    )


def contract(model: OnlineModel) -> Contract:
    """Give what a base would be made from if its run began now; the tables are known to the trainer only."""
    spec = model.spec
    return Contract(
        entrypoint=spec.model.entrypoint,
        config=spec.model.config,
        freezing=spec.weights.freezing,
        streams=tuple(_stream(model, stream) for stream in spec.streams),
        training=_training(spec.training),
    )


def contract_of(model: OnlineModel, recorded: Mapping[str, object] | None) -> Contract:
    """Read the contract that a base records; one that records none was made from the spec as it is."""
    if recorded is None:
        return contract(model)
    try:
        return Contract.from_value(recorded, "contract")
    except InvalidValue:
        return contract(model)


def waiting_changes(model: OnlineModel, recorded: Mapping[str, object] | None) -> tuple[str, ...]:
    """Name the parts of the spec that differ from what the base in service was made from.

    They wait for the next run.
    """
    if recorded is None:
        return ()
    made, now = contract_of(model, recorded), contract(model)
    parts = (
        ("spec.model.entrypoint", made.entrypoint != now.entrypoint),
        ("spec.model.config", made.config != now.config),
        ("spec.weights.freezing", set(made.freezing) != set(now.freezing)),
        ("spec.streams", made.streams != now.streams),
        ("spec.training", made.training != now.training),
    )
    return tuple(name for name, differs in parts if differs)


def _stream(model: OnlineModel, stream: Stream) -> StreamConfig:
    s3 = model.spec.store.s3
    start = StartAt(stream.start_at.value)
    kafka = segments = None
    if stream.kafka is not None:
        kafka = KafkaConfig(stream.kafka.bootstrap_servers, stream.kafka.topic, start)
    if stream.segments is not None:
        given = stream.segments
        segments = SegmentsConfig(given.prefix, given.endpoint or s3.endpoint, given.region or s3.region, start)
    return StreamConfig(
        name=stream.name,
        task=stream.task.value,
        kafka=kafka,
        segments=segments,
        max_out_of_order_seconds=stream.max_out_of_order.total_seconds(),
        max_future_skew_seconds=stream.max_future_skew.total_seconds(),
        idle_after_seconds=stream.idle_after.total_seconds(),
    )


def _training(training: Training) -> TrainingConfig:
    optimizer = training.optimizer
    params: dict[str, object] = {
        name: value for name, value in (("l1", optimizer.l1), ("l2", optimizer.l2), ("l21", optimizer.l21)) if value
    }
    if optimizer.form is not OptimizerForm.PROX:
        params["form"] = optimizer.form.value
    return TrainingConfig(
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        optimizer=OptimizerConfig(optimizer.name.value, params),
        seed=training.seed,
        admission=_admission(training.admission),
        eviction=_eviction(training.eviction),
    )


def _admission(admission: Admission) -> Mapping[str, object]:
    if admission.rule is AdmissionRule.EVERY:
        return {}
    return {
        "rule": admission.rule.value,
        "threshold": admission.threshold,
        "horizonSeconds": round(admission.horizon.total_seconds()),
    }


def _eviction(eviction: Eviction) -> Mapping[str, object]:
    leaving: dict[str, object] = {}
    if eviction.ttl is not None:
        leaving["ttlSeconds"] = round(eviction.ttl.total_seconds())
    if not eviction.zero_rows:
        leaving["zeroRows"] = False
    return leaving


def server(model: OnlineModel) -> ServerConfig:
    """Configure the serving pods."""
    gpu = model.spec.serving.gpu
    graph = gpu.cuda_graph if gpu is not None else None
    interval = model.spec.swift.interval.total_seconds()
    return ServerConfig(
        model=model.key,
        served_name=model.metadata.name,
        store=store_config(model),
        poll_seconds=max(0.5, min(2.0, interval / 5)),
        batch_sizes=graph.batch_sizes if graph is not None else (),
        exclude_ops=graph.exclude if graph is not None else (),
        cuda_graph=graph is not None and graph.enabled,
        call_graph=_call_graph(model.spec.serving.call_graph),
    )


def _call_graph(intervals: CallGraph | None) -> CallGraphConfig | None:
    if intervals is None:
        return None
    seconds = intervals.time_interval.total_seconds() if intervals.time_interval is not None else 0.0
    return CallGraphConfig(intervals.count_interval or 0, seconds)
