"""Model server."""
