"""Trainer of Model A and Model B."""
