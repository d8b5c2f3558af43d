"""Figures of the trainer (``python -m bench training``)."""
