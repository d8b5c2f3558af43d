"""Elastic embedding tables for TensorFlow."""
