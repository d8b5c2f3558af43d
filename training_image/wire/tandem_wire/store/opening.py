"""From a configuration to a store."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tandem_wire.config import StoreConfig
from tandem_wire.store.local import LocalStore
from tandem_wire.store.protocol import Store
from tandem_wire.store.s3 import S3Store, Timeouts


def open_store(config: StoreConfig, timeouts: Timeouts | None = None) -> Store:
    """Open the store that ``config.url`` names.

    Nothing is read yet; a local directory is made if it is not there.

    Raises:
      NoSuchBucket: the local directory can't be made.
    """
    url = urlsplit(config.url)
    if url.scheme == "file":
        return LocalStore(Path(unquote(url.path)))
    return S3Store.connect(url.netloc, url.path.strip("/"), config, timeouts or Timeouts())
