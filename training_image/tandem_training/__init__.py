"""Trainer of Model A and Model B: samples in, bases and swift updates out."""
