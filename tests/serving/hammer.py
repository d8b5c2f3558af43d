"""Clients that ask without a pause while something happens to a pod."""

import asyncio
from typing import Self

from tandem_wire.store import Store
from tandem_wire.version import Version
from tensorflow_serving.apis import predict_pb2

from tests.serving.clients import Client, Recomputed, request
from tests.serving.conftest import until


class Hammer:
    """Clients that ask all the while; every answer is checked against the version that it names."""

    def __init__(self, port: int, store: Store) -> None:
        self._port = port
        self._recomputed = Recomputed(store)
        self._stopping = False
        self.responses: list[list[predict_pb2.PredictResponse]] = []
        self.versions: list[list[Version]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(3)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)
        for responses in self.responses:
            self.versions.append([self._recomputed.check(response) for response in responses])

    @property
    def count(self) -> int:
        return sum(map(len, self.responses))

    async def more(self, answers: int) -> None:
        """Wait for so many answers more."""
        goal = self.count + answers
        await until(lambda: self.count >= goal)

    async def _ask(self) -> None:
        asked = request()
        mine: list[predict_pb2.PredictResponse] = []
        self.responses.append(mine)
        async with Client(self._port) as client:
            while not self._stopping:
                mine.append(await client.predictions.Predict(asked))
