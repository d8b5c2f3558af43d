"""Faults on a real cluster, and what must hold at every instant whatever happens (README.md, I1 to I5)."""
