"""Writes the folded model with its table as ONNX: ``python -m bench.serving.sides.onnx_model MODEL.npz MODEL.onnx``.

Runs in the peer's environment, which has `onnx`; so it imports nothing of ours. MODEL.npz holds ``table``, and
``kernel_0``, ``bias_0`` … of the layers.
"""

import sys

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper, save  # type: ignore[import-not-found]


def write(arrays: dict[str, npt.NDArray[np.float32]], path: str) -> None:
    """Write ids → rows → layers with ReLU → sigmoid, one output per task."""
    layers = sum(name.startswith("kernel_") for name in arrays)
    width = arrays["kernel_0"].shape[0]
    dim = arrays["table"].shape[1]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], axis=0),
        helper.make_node("Flatten", ["rows"], ["flat"], axis=1),
        helper.make_node("Concat", ["flat", "numbers"], ["x_0"], axis=1),
    ]
    for i in range(layers):
        last = i == layers - 1
        out = f"{'logits' if last else 'sum'}_{i}"
        nodes.append(helper.make_node("Gemm", [f"x_{i}", f"kernel_{i}", f"bias_{i}"], [out]))
        nodes.append(helper.make_node("Sigmoid" if last else "Relu", [out], ["heads" if last else f"x_{i + 1}"]))
    nodes.append(helper.make_node("Split", ["heads"], ["ctr", "cvr"], axis=1, num_outputs=2))
    # 26 ids of dim 16 and 13 numbers: what the first layer takes tells them apart.
    ids = (width - 13) // dim
    graph = helper.make_graph(
        nodes,
        "served",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, [None, ids]),
            helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [None, 13]),
        ],
        [helper.make_tensor_value_info(task, TensorProto.FLOAT, [None, 1]) for task in ("ctr", "cvr")],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    checker.check_model(model)
    save(model, path)


if __name__ == "__main__":
    write(dict(np.load(sys.argv[1])), sys.argv[2])
