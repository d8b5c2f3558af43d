"""Asks serving about impressions as they happen, as any client of TensorFlow Serving does, and keeps every answer.

Several connections ask side by side, each from a thread of its own, so that with several pods more than one of them is
asked.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from e2e.demo.logs import Answer, Block, Failure
from e2e.demo.samples import Features

TASKS = ("ctr", "cvr")
_END = None


def request(model: str, features: Features) -> predict_pb2.PredictRequest:
    """A stock Predict request for all impressions of ``features``."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name = model
    columns = {
        "user_id": features.user_id,
        "item_id": features.item_id,
        "query": np.array(features.query, object),
        "brand": features.brand,
        "user_segment": features.user_segment,
        "numeric": features.numeric,
    }
    for name, values in columns.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return made


@dataclass(frozen=True, slots=True)
class Question:
    """How to ask.

    Attributes:
      address: host:port of the gRPC service, asked for anew whenever a connection is made.
      model: the served name.
      connections: how many ask side by side.
      timeout: seconds to wait for an answer.
    """

    address: Callable[[], str]
    model: str
    connections: int = 4
    timeout: float = 5.0


class Client:
    """Keeps what came back: ``answers`` and ``failures``, each in the order it came."""

    def __init__(self, question: Question) -> None:
        self.answers: list[Answer] = []
        self.failures: list[Failure] = []
        self._question = question
        self._blocks: queue.Queue[Block | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._ask_all, args=(number,), name=f"client-{number}", daemon=True)
            for number in range(question.connections)
        ]

    def start(self) -> None:
        """Begin to ask about the blocks that come."""
        for thread in self._threads:
            thread.start()

    def ask(self, block: Block) -> None:
        """Ask about ``block`` as soon as a connection is free; returns at once."""
        self._blocks.put(block)

    def stop(self) -> None:
        """Ask about what waits, then end."""
        for _ in self._threads:
            self._blocks.put(_END)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(60)

    def _ask_all(self, number: int) -> None:
        made = 0
        while True:
            # A channel of its own pool of connections: channels to one address would share one otherwise.
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
            with grpc.insecure_channel(self._question.address(), options=options) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                name = f"{number}.{made}"
                while (block := self._blocks.get()) is not _END:
                    if not self._ask(stub, name, block):
                        break
                else:
                    return
            made += 1

    def _ask(self, stub: prediction_service_pb2_grpc.PredictionServiceStub, connection: str, block: Block) -> bool:
        asked = time.time()
        try:
            answer = stub.Predict(request(self._question.model, block.batch.features), self._question.timeout)
        except grpc.RpcError as error:
            ended = time.time()
            self.failures.append(
                Failure(
                    block.number, connection, _ms(asked), _ms(ended), error.code().name, error.details() or "no details"
                )
            )
            return False
        ended = time.time()
        given = {task: tf.make_ndarray(answer.outputs[task]).reshape(-1).astype(np.float32) for task in TASKS}
        self.answers.append(
            Answer(
                block=block.number,
                connection=connection,
                asked_ms=_ms(asked),
                answered_ms=_ms(ended),
                version=answer.model_spec.version.value,
                ctr=given["ctr"],
                cvr=given["cvr"],
            )
        )
        return True


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
