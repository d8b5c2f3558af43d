"""Measures the model server against its peers."""
