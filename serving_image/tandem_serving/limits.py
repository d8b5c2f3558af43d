"""How much one client may ask of a server at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep memory and other clients' latency in hand."""

    message_bytes: int = 16 * 1024 * 1024
    """A larger request is refused before it is decoded (gRPC: RESOURCE_EXHAUSTED, REST: 413)."""
    rows: int = 8192
    """Rows of one request."""
    in_flight: int = 64
    """gRPC requests at once; more are shed with RESOURCE_EXHAUSTED, never queued without bound."""
    threads: int = 4
    """Threads that answer requests; NumPy and TensorFlow let go of the interpreter while they compute."""
    versions: int = 4
    """Versions that can be asked for by number: the current one and those just before it."""
