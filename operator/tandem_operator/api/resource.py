"""The resource as the API server hands it out, parsed at the edge."""

import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError

from tandem_operator.api.scalars import NAME_PATTERN, Time, Value
from tandem_operator.api.spec import Spec
from tandem_operator.api.status import Status


class SpecInvalid(ValueError):  # noqa: N818 - named by what is wrong, as all errors of Tandem
    """The spec asks for what cannot be (the user's error); the message names each field and says what to do."""


class Metadata(Value):
    """What of an object's metadata the operator reads."""

    name: str
    namespace: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})
    finalizers: tuple[str, ...] = Field(default=())


class OnlineModel(Value):
    """One OnlineModel."""

    metadata: Metadata
    spec: Spec
    status: Status = Field(default=Status())

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Parse an object of the API server; a status that cannot be read counts as none, since it is only a mirror.

        Endpoints that name a Service of the model's namespace are made to hold in every namespace, the operator's too.

        Raises:
          SpecInvalid: the schema of an older version let something pass that this one cannot read.
        """
        metadata = Metadata.model_validate(body["metadata"])
        try:
            spec = Spec.model_validate(body.get("spec", {}))
        except ValidationError as error:
            raise SpecInvalid(explain(error)) from error
        try:
            status = Status.model_validate(body.get("status") or {})
        except ValidationError:
            status = Status()
        return cls(metadata=metadata, spec=_resolvable(spec, metadata.namespace), status=status)

    @property
    def key(self) -> str:
        """Return ``namespace/name``, as manifests name the model."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def store_url(self) -> str:
        """Return where this model lives in the store, as ``s3://bucket/prefix/namespace/name``."""
        return self.spec.store.s3.url(self.metadata.namespace, self.metadata.name)


def qualified(endpoint: str, namespace: str) -> str:
    """Return an endpoint that means the same in every namespace.

    Example:
      >>> qualified("http://s3:8333", "shop")
      'http://s3.shop.svc:8333'
      >>> qualified("https://s3.example.com", "shop")
      'https://s3.example.com'
    """
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if not re.fullmatch(NAME_PATTERN, host) or host == "localhost":
        return endpoint
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{host}.{namespace}.svc{port}"))


def _resolvable(spec: Spec, namespace: str) -> Spec:
    store, streams = spec.store, []
    if store.s3.endpoint is not None:
        s3 = store.s3.model_copy(update={"endpoint": qualified(store.s3.endpoint, namespace)})
        store = store.model_copy(update={"s3": s3})
    for stream in spec.streams:
        given = stream.segments
        if given is None or given.endpoint is None:
            streams.append(stream)
            continue
        segments = given.model_copy(update={"endpoint": qualified(given.endpoint, namespace)})
        streams.append(stream.model_copy(update={"segments": segments}))
    return spec.model_copy(update={"store": store, "streams": tuple(streams)})


def explain(error: ValidationError) -> str:
    """Turn a validation error into sentences that name each field as the user wrote it."""
    sentences = []
    for item in error.errors(include_url=False, include_context=False):
        path = "spec"
        for part in item["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
        sentences.append(f"{path}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(sentences)
