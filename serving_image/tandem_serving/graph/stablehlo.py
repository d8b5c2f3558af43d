"""The dense function at one batch size as StableHLO, weights as arguments, for a machine that has no TensorFlow.

``main(features, slot …) -> answers``: features float32 (rows, all widths side by side), slots in the program's order,
answers float32 (outputs, rows); the same ends as a captured graph has.
"""

import re
from typing import Final

import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from tandem_serving.fold.program import Program

_PASSES: Final = "tf-lower-to-mlprogram-and-hlo"


def stablehlo(program: Program, rows: int) -> str:
    """Write a program's rest graph as the text of one StableHLO module.

    Args:
      program: what the engine runs.
      rows: the batch size, which the module is for.

    Raises:
      ValueError: an operation has no form in StableHLO; named by TensorFlow.
    """
    rest = program.rest
    definition = graph_pb2.GraphDef.FromString(program.graphs[rest.graph])
    widths = [feature.width for feature in program.features]

    def main(features: tf.Tensor, *slots: tf.Tensor) -> tf.Tensor:
        given = dict(zip(rest.features, tf.split(features, widths, axis=1), strict=True))
        given |= dict(zip(rest.slots, slots, strict=True))
        outputs = tf.graph_util.import_graph_def(definition, given, list(rest.outputs), name="")
        return tf.stack([tf.reshape(output, [-1]) for output in outputs])

    specs = [tf.TensorSpec([rows, sum(widths)], tf.float32)]
    specs += [tf.TensorSpec(slot.shape, tf.float32) for slot in program.slots]
    function = tf.function(main, autograph=False).get_concrete_function(*specs)
    imported = tf.mlir.experimental.convert_function(function, show_debug_info=False)
    text: str = tf.mlir.experimental.run_pass_pipeline(imported, _PASSES, show_debug_info=False)
    # One public function called main, which is what runtimes look for; TensorFlow calls it by the trace.
    text = re.sub(r"func\.func (?:private |public )?@__inference_main_\d+\(", "func.func public @main(", text, count=1)
    left = re.search(r"\"?(tf\.[A-Z]\w+)\"?", text)
    if left is not None:
        raise ValueError(f"{left[1]} has no form in StableHLO")
    return text
