"""``tf.train.Example`` messages into columns, and the malformed ones set aside with their reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf.message import DecodeError

from tandem_training.features import EVENT_TIME, INT_PADDING, LABEL, STRING_PADDING, Feature, IdFeature

Column = npt.NDArray[np.int64] | npt.NDArray[np.float32] | npt.NDArray[np.object_]


class Reason(StrEnum):
    """Why a record is not trained on."""

    NOT_AN_EXAMPLE = "NotAnExample"
    MISSING_LABEL = "MissingLabel"
    BAD_LABEL = "BadLabel"
    MISSING_EVENT_TIME = "MissingEventTime"
    FUTURE_EVENT_TIME = "FutureEventTime"
    MISSING_FEATURE = "MissingFeature"
    WRONG_TYPE = "WrongType"
    WRONG_SHAPE = "WrongShape"
    NOT_FINITE = "NotFinite"


@dataclass(frozen=True, slots=True)
class Samples:
    """Parsed samples in columns.

    Attributes:
      inputs: by feature; (n, length) of int64, bytes or float32, short id lists padded.
      labels: float32 (n,), 0 or 1.
      event_times: int64 (n,), ms since the epoch.
    """

    inputs: Mapping[str, Column]
    labels: npt.NDArray[np.float32]
    event_times: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.intp]) -> Samples:
        """Return the samples at these indices."""
        return Samples({name: c[rows] for name, c in self.inputs.items()}, self.labels[rows], self.event_times[rows])


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record set aside: its index among those given, and why."""

    index: int
    reason: Reason


class Parser:
    """Parses batches of one stream.

    TensorFlow parses a batch at once, and refuses all of it for one bad record without naming it; then each record is
    parsed by itself. Labels may be floats or integers; the kind that the stream has is the one tried first.

    An absent id feature counts as padding (-1 or the empty string); an absent number is malformed, since no number
    means "none".

    Args:
      features: of the model.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = tuple(features)
        self._label_dtype = tf.float32
        self._parse = {dtype: self._function(dtype) for dtype in (tf.float32, tf.int64)}

    def parse(self, records: Sequence[bytes], latest: int) -> tuple[Samples, tuple[Rejected, ...]]:
        """Parse records.

        Args:
          records: serialized messages.
          latest: greatest event time in ms that is believed; later ones are set aside.

        Returns:
          The good samples in their order, and the others.
        """
        if not records:
            return self._columns([]), ()
        try:
            columns = self._parse[self._label_dtype](tf.constant(list(records), tf.string))
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
            # The second is the first with a bad record's bytes in its message, which TensorFlow fails to decode.
            return self._one_by_one(records, latest)
        samples = self._samples({name: column.numpy() for name, column in columns.items()})
        return (samples, ()) if _all_good(samples, latest) else self._one_by_one(records, latest)

    def _function(self, label_dtype: tf.DType) -> tf.types.experimental.PolymorphicFunction:
        spec: dict[str, object] = {
            LABEL: tf.io.FixedLenFeature([], label_dtype),
            EVENT_TIME: tf.io.FixedLenFeature([], tf.int64),
        }
        for feature in self._features:
            if not isinstance(feature, IdFeature):
                spec[feature.name] = tf.io.FixedLenFeature([feature.length], tf.float32)
                continue
            dtype, padding = (tf.string, "") if feature.dtype == "string" else (tf.int64, INT_PADDING)
            if feature.length == 1:
                spec[feature.name] = tf.io.FixedLenFeature([1], dtype, [padding])
            else:
                spec[feature.name] = tf.io.FixedLenSequenceFeature([], dtype, allow_missing=True, default_value=padding)

        def parse(records: tf.Tensor) -> dict[str, tf.Tensor]:
            columns = tf.io.parse_example(records, spec)
            for feature in self._features:
                if isinstance(feature, IdFeature) and feature.length > 1:
                    columns[feature.name] = _pad(columns[feature.name], feature)
            return dict(columns)

        return tf.function(parse, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)

    def _samples(self, columns: Mapping[str, Column]) -> Samples:
        return Samples(
            inputs={feature.name: columns[feature.name] for feature in self._features},
            labels=columns[LABEL].astype(np.float32),
            event_times=columns[EVENT_TIME].astype(np.int64),
        )

    def _one_by_one(self, records: Sequence[bytes], latest: int) -> tuple[Samples, tuple[Rejected, ...]]:
        good: list[_Row] = []
        rejected: list[Rejected] = []
        for index, record in enumerate(records):
            row = self._row(record, latest)
            if isinstance(row, Reason):
                rejected.append(Rejected(index, row))
            else:
                good.append(row)
        if good:
            self._label_dtype = tf.int64 if all(row.integer_label for row in good) else tf.float32
        return self._columns(good), tuple(rejected)

    def _row(self, record: bytes, latest: int) -> _Row | Reason:
        try:
            example = tf.train.Example.FromString(record)
        except DecodeError:
            return Reason.NOT_AN_EXAMPLE
        features = example.features.feature
        label, event_time = _label(features), _event_time(features, latest)
        if isinstance(label, Reason):
            return label
        if isinstance(event_time, Reason):
            return event_time
        inputs: dict[str, Sequence[object]] = {}
        for feature in self._features:
            values = _id_values(features, feature) if isinstance(feature, IdFeature) else _numbers(features, feature)
            if isinstance(values, Reason):
                return values
            inputs[feature.name] = values
        return _Row(inputs, label[0], event_time, integer_label=label[1])

    def _columns(self, rows: Sequence[_Row]) -> Samples:
        inputs: dict[str, Column] = {}
        for feature in self._features:
            dtype = (
                {"int64": np.int64, "string": np.object_}[feature.dtype]
                if isinstance(feature, IdFeature)
                else np.float32
            )
            column: Column = np.empty((len(rows), feature.length), dtype)
            for i, row in enumerate(rows):
                column[i, :] = np.asarray(row.inputs[feature.name], dtype)
            inputs[feature.name] = column
        labels = np.fromiter((row.label for row in rows), np.float32, len(rows))
        times = np.fromiter((row.event_time for row in rows), np.int64, len(rows))
        return Samples(inputs, labels, times)


@dataclass(frozen=True, slots=True)
class _Row:
    inputs: Mapping[str, Sequence[object]]
    label: float
    event_time: int
    integer_label: bool


_Features = Mapping[str, Any]  # protobuf's, whose classes have no types
_LABELS: Final = (0.0, 1.0)


def _all_good(samples: Samples, latest: int) -> bool:
    numbers = (c for c in samples.inputs.values() if c.dtype == np.float32)
    times = samples.event_times
    return bool(
        np.isin(samples.labels, _LABELS).all()
        and times.min(initial=0) >= 0
        and times.max(initial=0) <= latest
        and all(np.isfinite(column).all() for column in numbers)
    )


def _pad(ids: tf.Tensor, feature: IdFeature) -> tf.Tensor:
    """Bring (n, at most length) to (n, length); more ids than length fail, as a wrong shape must."""
    padding = "" if feature.dtype == "string" else tf.constant(INT_PADDING, tf.int64)
    missing = feature.length - tf.shape(ids)[1]
    with tf.control_dependencies([tf.debugging.assert_non_negative(missing)]):
        padded = tf.pad(ids, [[0, 0], [0, missing]], constant_values=padding)
    return tf.ensure_shape(padded, [None, feature.length])


def _label(features: _Features) -> tuple[float, bool] | Reason:
    """Return the label and whether it is an integer."""
    kind = features[LABEL].WhichOneof("kind") if LABEL in features else None
    if kind == "bytes_list":
        return Reason.BAD_LABEL
    labels = [] if kind is None else getattr(features[LABEL], kind).value
    if len(labels) != 1:
        return Reason.BAD_LABEL if labels else Reason.MISSING_LABEL
    if not np.isfinite(labels[0]):
        return Reason.NOT_FINITE
    return (float(labels[0]), kind == "int64_list") if labels[0] in _LABELS else Reason.BAD_LABEL


def _event_time(features: _Features, latest: int) -> int | Reason:
    times = features[EVENT_TIME].int64_list.value if EVENT_TIME in features else []
    if len(times) != 1 or times[0] < 0:
        return Reason.MISSING_EVENT_TIME
    return Reason.FUTURE_EVENT_TIME if times[0] > latest else int(times[0])


def _id_values(features: _Features, feature: IdFeature) -> Sequence[object] | Reason:
    padding: object = STRING_PADDING if feature.dtype == "string" else INT_PADDING
    wanted = "bytes_list" if feature.dtype == "string" else "int64_list"
    kind = features[feature.name].WhichOneof("kind") if feature.name in features else None
    if kind is None:
        return [padding] * feature.length
    if kind != wanted:
        return Reason.WRONG_TYPE
    values = list(getattr(features[feature.name], kind).value)
    short = len(values) < feature.length and feature.length == 1
    if len(values) > feature.length or short:
        return Reason.WRONG_SHAPE
    return values + [padding] * (feature.length - len(values))


def _numbers(features: _Features, feature: Feature) -> Sequence[object] | Reason:
    kind = features[feature.name].WhichOneof("kind") if feature.name in features else None
    if kind is None:
        return Reason.MISSING_FEATURE
    if kind != "float_list":
        return Reason.WRONG_TYPE
    values = list(features[feature.name].float_list.value)
    if len(values) != feature.length:
        return Reason.WRONG_SHAPE
    return values if np.isfinite(values).all() else Reason.NOT_FINITE
