"""S4: the dense graph of a base as a few functions that XLA compiles whole, one program per batch size.

On a GPU, XLA records such a program as command buffers, which are CUDA graphs: one launch instead of one for each
operation. ``exclusion`` says what stays outside, ``region`` finds what is inside, ``capture`` writes the graph,
``plan`` is what the engine reads, ``report`` what people read, ``buckets`` are the batch sizes, ``xla_flags`` what the
process is started with, ``state`` what became of it, ``stablehlo`` the same function for where there is no TensorFlow.
"""
