"""What clients ask about the model instead of asking it: signature and status, as TensorFlow Serving's messages."""

from tandem_wire.model import ModelSpec
from tandem_wire.version import Version
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from tandem_serving.errors import NotServed
from tandem_serving.predict import SIGNATURE
from tandem_serving.publish import Publisher
from tandem_serving.tensors import wire_type

_METHOD = "tensorflow/serving/predict"


def signatures(spec: ModelSpec) -> "get_model_metadata_pb2.SignatureDefMap":
    """Describe inputs and outputs, a batch of any size first."""
    signature = meta_graph_pb2.SignatureDef(method_name=_METHOD)
    for each in spec.inputs:
        info = signature.inputs[each.name]
        info.name, info.dtype = f"{each.name}:0", wire_type(each.dtype)
        for size in (-1, each.length):
            info.tensor_shape.dim.add().size = size
    for output in spec.outputs:
        info = signature.outputs[output.name]
        info.name, info.dtype = f"{output.name}:0", types_pb2.DT_FLOAT
        info.tensor_shape.dim.add().size = -1
    result = get_model_metadata_pb2.SignatureDefMap()
    result.signature_def[SIGNATURE].CopyFrom(signature)
    return result


def statuses(
    publisher: Publisher, loading: int | None, number: int | None
) -> "get_model_status_pb2.GetModelStatusResponse":
    """Say which versions can be asked for (AVAILABLE), and which base is being loaded (LOADING).

    Raises:
      NotServed: ``number`` was asked for and is neither.
    """
    published = publisher.published
    here = () if published is None else (published.current, *published.recent)
    states = {snapshot.version.number: get_model_status_pb2.ModelVersionStatus.AVAILABLE for snapshot in here}
    if loading is not None and Version(loading).number not in states:
        states[Version(loading).number] = get_model_status_pb2.ModelVersionStatus.LOADING
    if number is not None and number not in states:
        raise NotServed(
            f"version {number} is not here; these are: {', '.join(str(each) for each in states) or 'none yet'}"
        )
    response = get_model_status_pb2.GetModelStatusResponse()
    for each, state in states.items():
        if number is None or number == each:
            response.model_version_status.add(version=each, state=state).status.error_code = 0
    return response
