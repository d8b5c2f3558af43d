"""How much one client may ask of a server at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep memory and other clients' latency in hand; the engine has more of its own for gRPC."""

    message_bytes: int = 16 * 1024 * 1024
    """A larger request is refused before it is decoded (gRPC: RESOURCE_EXHAUSTED, REST: 413)."""
    rows: int = 8192
    """Rows of one request."""
    in_flight: int = 64
    """REST requests at once; more are shed with 429."""
    threads: int = 4
    """Threads that read and write REST's JSON."""
