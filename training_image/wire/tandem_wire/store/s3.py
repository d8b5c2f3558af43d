"""A store in an S3 bucket, or in anything that speaks S3 with conditional puts (SeaweedFS, MinIO, GCS, …).

Reads, listings and plain puts are tried a few times; conditional puts once, since after a lost reply only the caller
can tell its own success from another's (it reads what stands there).
"""

import functools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import boto3
import botocore.exceptions
from botocore.config import Config

from tandem_wire.config import StoreConfig
from tandem_wire.errors import Conflict, NoSuchBucket, NotFound, StoreDenied, StoreUnavailable, WireError
from tandem_wire.store.protocol import Blob, Entry, check_condition, check_key

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

T = TypeVar("T")
_DENIED = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "403",
    "AllAccessDisabled",
}
_NO_BUCKET = {"NoSuchBucket"}
_NO_KEY = {"NoSuchKey", "404", "NotFound"}
_CONFLICT = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "OperationAborted"}
_UNCHANGED = {"304", "NotModified"}
_BEYOND = {"416", "InvalidRange"}
_PRECONDITION_FAILED = 412
_DENIED_STATUS = (401, 403)
_WORLD = (
    botocore.exceptions.HTTPClientError,  # connections and timeouts, also while a body is read
    botocore.exceptions.IncompleteReadError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds for one request, how often a repeatable request is tried, and the first pause between tries."""

    connect: float = 2.0
    read: float = 10.0
    tries: int = 3
    pause: float = 0.2


class S3Store:
    """A bucket below a prefix."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str, timeouts: Timeouts) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._timeouts = timeouts

    @classmethod
    def connect(cls, bucket: str, prefix: str, config: StoreConfig, timeouts: Timeouts) -> "S3Store":
        """Make a client; the credentials come from the environment or the pod's own identity."""
        settings = Config(
            connect_timeout=timeouts.connect,
            read_timeout=timeouts.read,
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = boto3.session.Session().client(
            "s3", endpoint_url=config.endpoint, region_name=config.region or "us-east-1", config=settings
        )
        return cls(client, bucket, prefix, timeouts)

    @property
    def location(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, key: str) -> Blob:
        """Read an object whole."""
        name = self._name(key)

        def call() -> Blob:
            reply = self._client.get_object(Bucket=self._bucket, Key=name)
            return Blob(reply["Body"].read(), reply["ETag"])

        return self._repeated(key, call)

    def get_if_changed(self, key: str, etag: str) -> Blob | None:
        """Read an object with If-None-Match."""
        name = self._name(key)

        def call() -> Blob | None:
            try:
                reply = self._client.get_object(Bucket=self._bucket, Key=name, IfNoneMatch=etag)
            except botocore.exceptions.ClientError as error:
                if _code(error) in _UNCHANGED:
                    return None
                raise
            return Blob(reply["Body"].read(), reply["ETag"])

        return self._repeated(key, call)

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Read a part of an object; a server may give all of it instead, and refuses a range that begins at its end."""
        name = self._name(key)

        def call() -> bytes:
            try:
                reply = self._client.get_object(
                    Bucket=self._bucket, Key=name, Range=f"bytes={start}-{start + size - 1}"
                )
            except botocore.exceptions.ClientError as error:
                if _code(error) in _BEYOND:
                    return b""
                raise
            data = reply["Body"].read()
            return data if "ContentRange" in reply else data[start : start + size]

        return self._repeated(key, call)

    def head(self, key: str) -> Entry | None:
        """Describe an object; a missing bucket is an error, not absence."""
        name = self._name(key)

        def call() -> Entry:
            reply = self._client.head_object(Bucket=self._bucket, Key=name)
            return Entry(key, reply["ContentLength"], reply["ETag"], reply["LastModified"])

        try:
            return self._repeated(key, call)
        except NotFound:
            self._repeated("", lambda: self._client.head_bucket(Bucket=self._bucket))
            return None

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        """Write an object whole; conditional puts are sent once."""
        check_condition(create=create, match=match)
        name = self._name(key)
        if create:
            return self._once(
                key, lambda: self._client.put_object(Bucket=self._bucket, Key=name, Body=data, IfNoneMatch="*")["ETag"]
            )
        if match is not None:
            return self._matched(key, data, match)
        return self._repeated(key, lambda: self._client.put_object(Bucket=self._bucket, Key=name, Body=data)["ETag"])

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """List objects page by page."""
        cut = len(self._whole(""))
        token: str | None = None
        while True:
            call = functools.partial(self._page, self._whole(prefix), self._whole(after) if after else None, token)
            page = self._repeated(prefix, call)
            for item in page.get("Contents", []):
                key = item["Key"][cut:]
                if key > after:
                    yield Entry(key, item["Size"], item["ETag"], item["LastModified"])
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or token is None:
                return

    def delete(self, key: str) -> None:
        """Remove an object."""
        name = self._name(key)
        self._repeated(key, lambda: self._client.delete_object(Bucket=self._bucket, Key=name))

    def scoped(self, prefix: str) -> "S3Store":
        """The same bucket and client below a prefix."""
        check_key(prefix.strip("/"))
        return S3Store(self._client, self._bucket, self._whole(prefix.strip("/")), self._timeouts)

    def _whole(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def _name(self, key: str) -> str:
        check_key(key)
        return self._whole(key)

    def _matched(self, key: str, data: bytes, match: str) -> str:
        name = self._name(key)
        try:
            return self._once(
                key, lambda: self._client.put_object(Bucket=self._bucket, Key=name, Body=data, IfMatch=match)["ETag"]
            )
        except NotFound as error:  # what was to be replaced is gone
            raise Conflict(key) from error

    def _page(self, prefix: str, after: str | None, token: str | None) -> "ListObjectsV2OutputTypeDef":
        if token is not None:
            return self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, ContinuationToken=token)
        if after is not None:
            return self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=after)
        return self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)

    def _once(self, key: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except _WORLD as error:
            raise StoreUnavailable(f"{self.location}: {error}") from error
        except botocore.exceptions.ClientError as error:
            raise self._translated(key, error) from error
        except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
            raise StoreDenied(
                f"{self.location}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                "(spec.store.s3.credentialsSecret), or give the pod a cloud identity"
            ) from error
        except botocore.exceptions.BotoCoreError as error:
            raise StoreUnavailable(f"{self.location}: {error}") from error

    def _repeated(self, key: str, call: Callable[[], T]) -> T:
        for attempt in range(1, self._timeouts.tries):
            try:
                return self._once(key, call)
            except StoreUnavailable:
                time.sleep(self._timeouts.pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load only
        return self._once(key, call)

    def _translated(self, key: str, error: botocore.exceptions.ClientError) -> WireError:
        code, status = _code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        bucket = f"bucket {self._bucket!r} at {self._client.meta.endpoint_url}"
        if code in _NO_BUCKET or (not key and code in _NO_KEY):
            return NoSuchBucket(f"{bucket} does not exist: create it, or correct spec.store.s3")
        if code in _NO_KEY:
            return NotFound(key)
        if code in _CONFLICT or status == _PRECONDITION_FAILED:
            return Conflict(key)
        if code in _DENIED or status in _DENIED_STATUS:
            return StoreDenied(
                f"{bucket} denies access to {key or 'it'} ({code}): check the keys in the credentials secret, "
                "and that they may get, put, list and delete there"
            )
        return StoreUnavailable(f"{self.location}/{key}: {code}: {error.response.get('Error', {}).get('Message', '')}")


def _code(error: botocore.exceptions.ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
