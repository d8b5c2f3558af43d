"""Programs that are measured, one process each: ``python -m bench.ops.sides NAME``."""
