"""Connections to models' stores: one per place and credentials, kept while both stay the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from tandem_wire.config import StoreConfig
from tandem_wire.store import Store, open_store
from tandem_wire.store.s3 import S3Store, Timeouts

TIMEOUTS = Timeouts(connect=2.0, read=5.0, tries=2, pause=0.2)
"""Shorter than a trainer's: a reconcile that waits for a store that is away holds a worker."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys from a Secret; they show nowhere."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, str]) -> "Credentials":
        """Take the two keys from a Secret's decoded data."""
        return cls(data["AWS_ACCESS_KEY_ID"], data["AWS_SECRET_ACCESS_KEY"])


class Stores:
    """Opens stores, each once."""

    def __init__(self) -> None:
        self._open: dict[tuple[StoreConfig, Credentials | None], Store] = {}

    def open(self, config: StoreConfig, credentials: Credentials | None) -> Store:
        """Give the store of one model; without credentials, the operator's own cloud identity is used."""
        key = (config, credentials)
        if key not in self._open:
            for other in [known for known in self._open if known[0] == config]:
                del self._open[other]
            self._open[key] = _connect(config, credentials)
        return self._open[key]


def _connect(config: StoreConfig, credentials: Credentials | None) -> Store:
    if credentials is None:
        return open_store(config, TIMEOUTS)
    url = urlsplit(config.url)
    session = boto3.session.Session(
        aws_access_key_id=credentials.access_key_id, aws_secret_access_key=credentials.secret_access_key
    )
    settings = Config(
        connect_timeout=TIMEOUTS.connect,
        read_timeout=TIMEOUTS.read,
        retries={"total_max_attempts": 1},
        max_pool_connections=16,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.client(
        "s3", endpoint_url=config.endpoint, region_name=config.region or "us-east-1", config=settings
    )
    return S3Store(client, url.netloc, url.path.strip("/"), TIMEOUTS)
