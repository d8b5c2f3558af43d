"""Kubernetes operator for OnlineModel."""
