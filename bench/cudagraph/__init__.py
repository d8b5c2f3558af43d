"""CUDA graphs on a machine with a GPU: the dense function with and without, at every batch size (S4)."""
