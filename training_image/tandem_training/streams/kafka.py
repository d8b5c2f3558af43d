"""Samples from a Kafka topic: one ``tf.train.Example`` per message; positions are ours, no consumer group keeps any."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Literal

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from tandem_wire.positions import KafkaPosition, Position

from tandem_training.errors import UserError, WorldError
from tandem_training.streams.base import RawSample

_LOG = structlog.get_logger(__name__)
_ANSWER_SECONDS: Final = 10.0
_NEW_PARTITIONS_SECONDS: Final = 30.0
_EXPIRED: Final = frozenset({KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET})  # noqa: SLF001 - librdkafka's own code
_UNKNOWN: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001 - the same

EMPTY = "EmptyMessage"


class KafkaSource:
    """A topic, read from every partition.

    Args:
      name: of the stream, for messages.
      servers: ``host:port,…``.
      topic: to read.
      start_at: where a partition without a position begins; partitions added later are always read from their
        beginning.
    """

    def __init__(
        self, name: str, servers: str, topic: str, start_at: Literal["Earliest", "Latest"] = "Earliest"
    ) -> None:
        self._name = name
        self._servers = servers
        self._topic = topic
        self._start_at = start_at

    def start(self) -> Position:
        """Return the position that knows no partition yet."""
        return KafkaPosition(self._topic, {})

    def open(self, position: Position) -> KafkaReader:
        """Open a consumer at exactly this position.

        Raises:
          UserError: the position is of another kind of stream or of another topic, or the topic does not exist.
          WorldError: the broker does not answer.
        """
        if not isinstance(position, KafkaPosition) or position.topic != self._topic:
            was = f'topic "{position.topic}"' if isinstance(position, KafkaPosition) else "segments"
            raise UserError(
                "StreamChanged",
                f'Stream "{self._name}" reads topic "{self._topic}", but the checkpoint\'s position is of {was}. Give '
                "the changed stream a new name, or restore what it read before.",
            )
        return KafkaReader(self._name, self._servers, position, self._start_at)


class KafkaReader:
    """A consumer assigned by hand; it commits nothing and never resets an offset."""

    def __init__(
        self,
        name: str,
        servers: str,
        position: KafkaPosition,
        start_at: Literal["Earliest", "Latest"],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._servers = servers
        self._topic = position.topic
        self._now = now
        self._known: dict[int, int] = dict(position.offsets)
        self._ended: set[int] = set()
        self._origins: list[RawSample] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": f"tandem-{name}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": 16384,
                "fetch.message.max.bytes": 1 << 20,
                "log_level": 3,
            }
        )
        try:
            # A stream that has a position was opened before: partitions that it does not know are new.
            self._discover("Earliest" if self._known else start_at)
        except BaseException:
            self._consumer.close()
            raise

    @property
    def at_end(self) -> bool:
        """True when every partition's end was reached."""
        return not self._origins and len(self._ended) == len(self._known)

    def read(self, limit: int, timeout: float) -> Sequence[RawSample]:
        """Return up to ``limit`` messages, the partitions mixed, each partition in order."""
        if self._now() >= self._discover_at:
            self._discover("Earliest")
        if self._origins:
            origins, self._origins = self._origins, []
            return origins
        try:
            messages = self._consumer.consume(limit, timeout)
        except KafkaException as error:
            raise WorldError("BrokerUnavailable", f'stream "{self._name}": {error}') from error
        return [sample for message in messages if (sample := self._sample(message)) is not None]

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _sample(self, message: Message) -> RawSample | None:
        error = message.error()
        partition: int = message.partition()
        if error is None:
            offset: int = message.offset()
            self._ended.discard(partition)
            self._known[partition] = offset + 1
            data = message.value()
            return RawSample((partition, offset + 1), data, "" if data is not None else EMPTY)
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own code
            self._ended.add(partition)
            return None
        if error.code() in _EXPIRED:
            raise UserError(
                "OffsetsExpired",
                f'Stream "{self._name}": topic "{self._topic}" partition {partition} no longer holds offset '
                f"{self._known.get(partition)}: samples expired before they were trained. Lengthen the topic's "
                "retention, or, to accept the loss, give the stream a new name.",
            )
        if error.code() in _UNKNOWN:
            raise self._no_topic()
        raise WorldError("BrokerUnavailable", f'stream "{self._name}": {error.str()}')

    def _discover(self, start_at: Literal["Earliest", "Latest"]) -> None:
        """Find partitions that have no offset yet, decide theirs, and assign all."""
        self._discover_at = self._now() + _NEW_PARTITIONS_SECONDS
        try:
            topic = self._consumer.list_topics(self._topic, timeout=_ANSWER_SECONDS).topics[self._topic]
            if topic.error is not None and topic.error.code() in _UNKNOWN:
                raise self._no_topic()
            if topic.error is not None:
                raise WorldError("BrokerUnavailable", f'stream "{self._name}": {topic.error.str()}')
            new = sorted(set(topic.partitions) - set(self._known))
            for partition in new:
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(self._topic, partition), timeout=_ANSWER_SECONDS
                )
                self._known[partition] = low if start_at == "Earliest" else high
                self._origins.append(RawSample((partition, self._known[partition]), None))
        except KafkaException as error:
            raise WorldError(
                "BrokerUnavailable", f'stream "{self._name}": broker {self._servers} does not answer: {error}'
            ) from error
        if new or not self._consumer.assignment():
            self._consumer.assign([TopicPartition(self._topic, p, offset) for p, offset in sorted(self._known.items())])
            self._ended.clear()
            _LOG.info(
                "partitions assigned", stream=self._name, topic=self._topic, offsets=dict(sorted(self._known.items()))
            )

    def _no_topic(self) -> UserError:
        return UserError(
            "NoSuchTopic",
            f'Stream "{self._name}": the broker {self._servers} has no topic "{self._topic}". Create it, or correct '
            "the stream's kafka.topic.",
        )
