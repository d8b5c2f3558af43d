"""tf.Examples as a stock client makes them: the three rows of clients.py."""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, model_pb2, regression_pb2

from tests.serving.clients import NUMERIC, USERS, WORDS

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def example(**features: Sequence[object]) -> tf.train.Example:
    """An example; the kind of a feature's list is that of its first value."""
    made = tf.train.Example()
    for name, values in features.items():
        feature = made.features.feature[name]
        kind = {bytes: feature.bytes_list, float: feature.float_list, int: feature.int64_list}[type(values[0])]
        kind.value.extend(values)
    return made


EXAMPLES = [
    example(user=[int(user)], words=words, numeric=[float(x) for x in numeric])
    for user, words, numeric in zip(USERS, WORDS, NUMERIC, strict=True)
]


def listed(examples: list[tf.train.Example] = EXAMPLES) -> input_pb2.Input:
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))


def beside(examples: list[tf.train.Example], context: tf.train.Example) -> input_pb2.Input:
    return input_pb2.Input(
        example_list_with_context=input_pb2.ExampleListWithContext(examples=examples, context=context)
    )


def selector(signature: str = "", **fields: object) -> model_pb2.ModelSpec:
    return model_pb2.ModelSpec(**{"name": "search", "signature_name": signature} | fields)


def classification(
    given: input_pb2.Input | None = None, signature: str = "", **fields: object
) -> classification_pb2.ClassificationRequest:
    spec = selector(signature, **fields)
    return classification_pb2.ClassificationRequest(model_spec=spec, input=given or listed())


def regression(given: input_pb2.Input | None = None, signature: str = "") -> regression_pb2.RegressionRequest:
    return regression_pb2.RegressionRequest(model_spec=selector(signature), input=given or listed())


def inference(*tasks: tuple[str, str]) -> inference_pb2.MultiInferenceRequest:
    """Ask for several heads at once, each by signature and method."""
    made = inference_pb2.MultiInferenceRequest(input=listed())
    for signature, method in tasks:
        made.tasks.add(model_spec=selector(signature), method_name=method)
    return made
