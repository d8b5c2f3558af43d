"""Connections to models' stores: one client per server and credentials, whatever the number of models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from tandem_wire.config import StoreConfig
from tandem_wire.store import Store, open_store
from tandem_wire.store.s3 import S3Store, Timeouts

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TIMEOUTS = Timeouts(connect=2.0, read=5.0, tries=2, pause=0.2)
"""Shorter than a trainer's: a look that waits for a store that is away holds a worker."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys from a Secret; they show nowhere."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, str]) -> "Credentials":
        """Take the two keys from a Secret's decoded data."""
        return cls(data["AWS_ACCESS_KEY_ID"], data["AWS_SECRET_ACCESS_KEY"])


def open_model_store(config: StoreConfig, credentials: Credentials | None) -> Store:
    """Give the store of one model; without credentials, the operator's own cloud identity is used."""
    url = urlsplit(config.url)
    if url.scheme == "file":
        return open_store(config, TIMEOUTS)
    client = _client(config.endpoint, config.region or "us-east-1", credentials)
    return S3Store(client, url.netloc, url.path.strip("/"), TIMEOUTS)


@lru_cache(maxsize=128)
def _client(endpoint: str | None, region: str, credentials: Credentials | None) -> "S3Client":
    session = boto3.session.Session(
        aws_access_key_id=credentials.access_key_id if credentials is not None else None,
        aws_secret_access_key=credentials.secret_access_key if credentials is not None else None,
    )
    settings = Config(
        connect_timeout=TIMEOUTS.connect,
        read_timeout=TIMEOUTS.read,
        retries={"total_max_attempts": 1},
        max_pool_connections=32,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return session.client("s3", endpoint_url=endpoint, region_name=region, config=settings)
