"""TensorFlow Serving's JSON of ``:classify`` and ``:regress``: examples and their context, as tf.Example."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem_wire.model import DType, ModelSpec
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from tandem_serving.errors import BadRequest
from tandem_serving.rest_tensors import as_bytes, read_object, text

_FIELDS = {"signature_name", "context", "examples"}


@dataclass(frozen=True, slots=True)
class Examples:
    """A decoded body; the engine checks it against the version that answers."""

    signature: str
    given: "input_pb2.Input"


def read_examples(spec: ModelSpec, data: bytes) -> Examples:
    """Decode the body of a ``:classify`` or ``:regress`` request.

    Args:
      spec: what is served; a whole number is a float where the model takes floats.
      data: the body.

    Raises:
      BadRequest: not JSON, not of this form, or a feature that can't be told.
    """
    body = read_object(data)
    unknown = sorted(body.keys() - _FIELDS)
    if unknown:
        raise BadRequest(f'the body has {unknown[0]!r}; it may have "signature_name", "context" and "examples"')
    rows = body.get("examples")
    if not isinstance(rows, list) or not rows:
        raise BadRequest('"examples" must be a list with at least one object from feature name to value')
    kinds = {each.name: each.dtype for each in spec.inputs}
    examples = [_example(kinds, f"examples[{number}]", row) for number, row in enumerate(rows)]
    signature = text(body.get("signature_name", ""))
    if "context" not in body:
        return Examples(signature, input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples)))
    context = _example(kinds, "context", body["context"])
    both = input_pb2.ExampleListWithContext(examples=examples, context=context)
    return Examples(signature, input_pb2.Input(example_list_with_context=both))


def write_classes(result: "classification_pb2.ClassificationResult") -> bytes:
    """Write a row of pairs, label and score, for each example."""
    rows = [[[each.label, each.score] for each in row.classes] for row in result.classifications]
    return json.dumps({"results": rows}, allow_nan=False).encode()


def write_values(result: "regression_pb2.RegressionResult") -> bytes:
    """Write a number for each example."""
    return json.dumps({"results": [each.value for each in result.regressions]}, allow_nan=False).encode()


def _example(kinds: Mapping[str, DType], where: str, row: object) -> "example_pb2.Example":
    if not isinstance(row, dict):
        raise BadRequest(f"{where} must be an object from feature name to value")
    example = example_pb2.Example()
    for name, value in row.items():
        try:
            _fill(example.features.feature[name], kinds.get(name), value if isinstance(value, list) else [value])
        except (ValueError, OverflowError) as error:
            raise BadRequest(f"{where}: feature {name!r}: {error}; send numbers that fit into 64 bits") from error
        except BadRequest as error:
            raise BadRequest(f"{where}: feature {name!r} {error}") from error
    return example


def _fill(feature: "example_pb2.Feature", kind: DType | None, values: list[Any]) -> None:
    """Take values of one kind into the list that they belong to; none are of the kind that the model takes."""
    if all(type(each) in (int, float) for each in values) and (values or kind in (DType.INT64, DType.FLOAT32)):
        if kind is DType.FLOAT32 or not all(isinstance(each, int) for each in values):
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    else:
        feature.bytes_list.value.extend(as_bytes(each) for each in values)
