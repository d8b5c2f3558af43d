"""Rewrites the dense graph of a base into a program: a graph to run once per version of the weights, and a rest.

``fold(spec, graph)`` reads (``reading``, ``defining``, ``inlining``), rewrites by rules until none fits (``simplify``,
``reshape``, ``sums``, ``batch_norm``, applied by ``rewrite``), cuts where features begin (``partition``), and tries to
name what is left as a chain of layers (``chain``). What is known of shapes while the batch is not is in ``sizes``,
``shapes``, ``values`` and ``facts``. ``folded`` also runs the result beside the export (``verifying``).
"""

from tandem_serving.fold.building import fold
from tandem_serving.fold.program import Program
from tandem_serving.fold.verifying import folded

__all__ = ["Program", "fold", "folded"]
