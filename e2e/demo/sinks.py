"""Where the generator publishes: a Kafka topic, and TFRecord segments in an S3 bucket."""

import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from e2e.demo.errors import CannotReachError
from e2e.demo.tf_example import tfrecords


class KafkaSink:
    """One topic of a broker; idempotent, so that a retry neither doubles nor reorders."""

    def __init__(self, servers: str, topic: str) -> None:
        self._servers, self._topic = servers, topic
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "linger.ms": 20,
                "delivery.timeout.ms": 120_000,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 2,
            }
        )
        self.failed: list[str] = []

    def create_topic(self, partitions: int, seconds: float) -> None:
        """Make the topic unless it is there.

        Raises:
          CannotReachError: the broker does not answer within ``seconds``.
        """
        admin = AdminClient({"bootstrap.servers": self._servers, "log_level": 2})
        made = admin.create_topics(
            [NewTopic(self._topic, partitions, 1)], operation_timeout=seconds, request_timeout=seconds
        )
        try:
            made[self._topic].result(seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise CannotReachError(
                    f"Kafka at {self._servers} did not make the topic {self._topic}: {error}"
                ) from error

    def put(self, samples: list[bytes]) -> None:
        """Hand over; delivery goes on behind."""
        for sample in samples:
            self._producer.produce(self._topic, sample, on_delivery=self._delivered)
        self._producer.poll(0)

    def flush(self, seconds: float) -> None:
        """Wait for every delivery.

        Raises:
          CannotReachError: some are not delivered.
        """
        left = self._producer.flush(seconds)
        if left or self.failed:
            why = self.failed[0] if self.failed else f"{left} messages waited longer than {seconds:.0f}s"
            raise CannotReachError(f"Kafka at {self._servers} did not take every sample of {self._topic}: {why}")

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self.failed.append(str(error))


def segment_name(milliseconds: int, number: int) -> str:
    """A name whose order is the order of writing.

    Example:
      >>> segment_name(1700000000000, 7)
      '1700000000000-000007.tfrecord'
    """
    return f"{milliseconds:013d}-{number:06d}.tfrecord"


class S3:
    """The few calls of an S3 endpoint that the demonstration needs."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str) -> None:
        self.endpoint = endpoint
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name="us-east-1",
            config=Config(
                connect_timeout=5, read_timeout=10, retries={"max_attempts": 2}, s3={"addressing_style": "path"}
            ),
        )

    def create_bucket(self, name: str, seconds: float) -> None:
        """Make the bucket unless it is there; waits until the store answers.

        Raises:
          CannotReachError: it does not within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                if name not in {bucket["Name"] for bucket in self.client.list_buckets()["Buckets"]}:
                    self.client.create_bucket(Bucket=name)
            except (BotoCoreError, ClientError) as error:
                if time.monotonic() > deadline:
                    raise CannotReachError(
                        f"the object store at {self.endpoint} gives no bucket {name}: {error}"
                    ) from error
                threading.Event().wait(1.0)
            else:
                return


class SegmentSink:
    """TFRecord segments under a prefix of a bucket, one every ``every`` seconds while there are samples.

    A thread of its own writes, since a store that does not answer must not stall the stream; a segment that fails is
    tried again.
    """

    def __init__(self, s3: S3, bucket: str, prefix: str, every: float = 2.0) -> None:
        self._s3, self._bucket, self._prefix, self._every = s3, bucket, prefix, every
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()
        self._number = 0
        self._stop = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._write_all, name="segments", daemon=True)
        self._thread.start()

    def put(self, samples: list[bytes]) -> None:
        """Add to the segment being filled."""
        if samples:
            with self._lock:
                self._waiting += samples
                self._idle.clear()

    def flush(self, seconds: float) -> None:
        """Write what waits, and end the thread.

        Raises:
          CannotReachError: the store did not take it in time.
        """
        self._stop.set()
        if not self._idle.wait(seconds):
            raise CannotReachError(
                f"the object store at {self._s3.endpoint} did not take the last segment of {self._prefix}"
            )

    def _write_all(self) -> None:
        while True:
            stopping = self._stop.wait(self._every)
            with self._lock:
                samples, self._waiting = self._waiting, []
            # One name for all tries: what was written although the reply was lost is written over, not twice.
            name = segment_name(int(time.time() * 1000), self._number)
            while samples and not self._write(name, samples):
                threading.Event().wait(0.5)
            with self._lock:
                if not self._waiting:
                    self._idle.set()
                    if stopping:
                        return

    def _write(self, name: str, samples: list[bytes]) -> bool:
        try:
            self._s3.client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=tfrecords(samples))
        except (BotoCoreError, ClientError):
            return False
        self._number += 1
        return True
