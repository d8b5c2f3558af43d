"""The object store behind one protocol: an S3 bucket or a local directory."""

from tandem_wire.store.opening import open_store
from tandem_wire.store.protocol import Blob, Entry, Store

__all__ = ["Blob", "Entry", "Store", "open_store"]
