"""Triton's Python backend runs this file: the ONNX model by onnxruntime, a batch of requests at a time.

It lies in Triton's repository as ``served_…/1/model.py``; nothing of ours is there.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# The interpreter inside of Triton's stub does not look at this by itself.
sys.path += os.environ["PYTHONPATH"].split(os.pathsep)

import numpy as np
import onnxruntime  # type: ignore[import-not-found]
import triton_python_backend_utils as triton  # type: ignore[import-not-found]


class TritonPythonModel:
    """What Triton makes once per instance."""

    def initialize(self, args: dict[str, Any]) -> None:
        """Load the model, with as many threads as the model's configuration says."""
        config = json.loads(args["model_config"])
        told = {name: value["string_value"] for name, value in config["parameters"].items()}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(told["threads"])
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._session = onnxruntime.InferenceSession(
            str(Path(told["model"])), options, providers=["CPUExecutionProvider"]
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer what Triton batched: all rows at once, then to each request its own."""
        given = {
            name: [triton.get_input_tensor_by_name(request, name).as_numpy() for request in requests]
            for name in ("ids", "numbers")
        }
        sizes = np.cumsum([len(ids) for ids in given["ids"]])[:-1]
        inputs = {name: parts[0] if len(parts) == 1 else np.concatenate(parts) for name, parts in given.items()}
        answers = self._session.run(["ctr", "cvr"], inputs)
        answered = []
        for ctr, cvr in zip(np.split(answers[0], sizes), np.split(answers[1], sizes), strict=True):
            answered.append(triton.InferenceResponse([triton.Tensor("ctr", ctr), triton.Tensor("cvr", cvr)]))
        return answered
