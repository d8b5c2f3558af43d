"""Figures of the elastic tables (``python -m bench ops``)."""
