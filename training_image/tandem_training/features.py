"""What a model reads from a sample: ids with an embedding table, and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tandem_training.errors import UserError
from tandem_training.strict import Section, invalid

EVENT_TIME: Final = "event_time"
LABEL: Final = "label"

INT_PADDING: Final = -1
STRING_PADDING: Final = b""

IdType = Literal["int64", "string"]
Pooling = Literal["none", "sum", "mean"]
Side = Literal["user", "item"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# M5: within a short window these carry one value only, so that a streamed model over-fits to it.
_TIME_WORDS: Final = frozenset({"hour", "weekday", "dow", "daytime", "month", "minute", "timestamp", "clock"})
_TIME_NAME: Final = re.compile(
    r"(^|_)(day_of_(week|month|year)|(time|hour|minute)_of_day|week_day|day_hour|event_time|is_weekend)(_|$)"
)


@dataclass(frozen=True, slots=True)
class IdFeature:
    """Ids of any value, embedded by a table that grows with them.

    Attributes:
      name: of the feature in the sample and of the server's input.
      table: whose rows it reads; several features may share one.
      dim: width of a row.
      dtype: int64, or string for raw bytes (hashed to int64 by XXH64 inside the table).
      length: the most ids in one sample; fewer are padded by -1 or the empty string.
      pooling: none puts the rows side by side; sum and mean pool them and pass over padding.
      side: user, if all candidates of a request share it: servers then take and compute it once.
    """

    name: str
    table: str
    dim: int
    dtype: IdType = "int64"
    length: int = 1
    pooling: Pooling = "none"
    side: Side = "item"

    @property
    def width(self) -> int:
        """Number of floats that the dense part sees."""
        return self.dim * (self.length if self.pooling == "none" else 1)


@dataclass(frozen=True, slots=True)
class NumericFeature:
    """A fixed number of finite floats.

    Attributes:
      name: of the feature in the sample and of the server's input.
      length: how many.
      side: as an IdFeature's.
    """

    name: str
    length: int = 1
    side: Side = "item"

    @property
    def width(self) -> int:
        """Number of floats that the dense part sees."""
        return self.length


Feature = IdFeature | NumericFeature


@dataclass(frozen=True, slots=True)
class TableSpec:
    """An embedding table as the features ask for it.

    Attributes:
      name: of the table.
      dim: width of a row.
      dtype: of the ids that look rows up.
    """

    name: str
    dim: int
    dtype: IdType


def read_features(sections: Sequence[Section], embedding_dim: int) -> tuple[Feature, ...]:
    """Read feature declarations.

    Args:
      sections: one JSON object each: ``name``, ``kind`` (id or numeric), ``side`` (item or user), and for ids
        ``table``, ``dim``, ``dtype``, ``length``, ``pooling``; for numbers ``length``.
      embedding_dim: width of tables that do not say theirs.

    Returns:
      The features in the order of the declarations.

    Raises:
      UserError: a field does not fit, or a name stands twice.
    """
    features = tuple(_read_feature(section, embedding_dim) for section in sections)
    seen: set[str] = set()
    for section, feature in zip(sections, features, strict=True):
        for name in {feature.name, feature.table if isinstance(feature, IdFeature) else feature.name}:
            if not _NAME.fullmatch(name):
                raise invalid(
                    section.where("name"),
                    f'is "{name}"; use letters, digits, ".", "-" and "_", a letter or digit first',
                )
        if feature.name in seen or feature.name in {EVENT_TIME, LABEL}:
            raise invalid(section.where("name"), f'is "{feature.name}", which is taken; choose another name')
        seen.add(feature.name)
    return features


def _read_feature(section: Section, embedding_dim: int) -> Feature:
    name = section.text("name")
    side: Side = "user" if section.text("side", "item", among=("item", "user")) == "user" else "item"
    feature: Feature
    if section.text("kind", "id", among=("id", "numeric")) == "numeric":
        feature = NumericFeature(name, section.integer("length", 1, low=1, high=65536), side)
    else:
        dtype: IdType = "string" if section.text("dtype", "int64", among=("int64", "string")) == "string" else "int64"
        pooling: Pooling = "none"
        match section.text("pooling", "none", among=("none", "sum", "mean")):
            case "sum":
                pooling = "sum"
            case "mean":
                pooling = "mean"
        feature = IdFeature(
            name=name,
            table=section.text("table", name),
            dim=section.integer("dim", embedding_dim, low=1, high=4096),
            dtype=dtype,
            length=section.integer("length", 1, low=1, high=4096),
            pooling=pooling,
            side=side,
        )
    section.done()
    return feature


def tables_of(features: Iterable[Feature]) -> tuple[TableSpec, ...]:
    """Collect the tables of the features, by name.

    Raises:
      UserError: two features share a table but differ in width or in the type of their ids.
    """
    tables: dict[str, TableSpec] = {}
    for feature in features:
        if isinstance(feature, IdFeature):
            table = TableSpec(feature.table, feature.dim, feature.dtype)
            if tables.setdefault(table.name, table) != table:
                first = tables[table.name]
                raise UserError(
                    "InvalidModelConfig",
                    f'Feature "{feature.name}" shares table "{table.name}" as {table.dtype} of width {table.dim}, but '
                    f"the table is {first.dtype} of width {first.dim}. Give both features the same dtype and dim, or "
                    "tables of their own.",
                )
    return tuple(tables[name] for name in sorted(tables))


def time_features(features: Iterable[Feature]) -> tuple[str, ...]:
    """Return the names of features that tell the time (README.md, M5)."""
    return tuple(feature.name for feature in features if _tells_time(feature.name))


def _tells_time(name: str) -> bool:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return bool(_TIME_NAME.search(words)) or not _TIME_WORDS.isdisjoint(words.split("_"))
