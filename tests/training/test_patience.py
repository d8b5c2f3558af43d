import pytest
from tandem_training.patience import patiently
from tandem_wire.errors import StoreDenied, StoreUnavailable


class Flaky:
    def __init__(self, failures: int, error: type[Exception] = StoreUnavailable) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error("away")
        return "done"


def test_tries_until_the_store_answers():
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    assert patiently(Flaky(7), wait, doing="x") == "done"
    assert pauses == [0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_has_an_end():
    flaky = Flaky(10**9)
    with pytest.raises(StoreUnavailable):
        patiently(flaky, lambda _s: False, doing="x", tries=5)
    assert flaky.calls == 5


def test_ends_when_told_to():
    flaky = Flaky(10**9)
    with pytest.raises(StoreUnavailable):
        patiently(flaky, lambda _s: flaky.calls == 3, doing="x", tries=None)
    assert flaky.calls == 3


def test_other_errors_are_not_tried_again():
    flaky = Flaky(1, StoreDenied)
    with pytest.raises(StoreDenied):
        patiently(flaky, lambda _s: False, doing="x")
    assert flaky.calls == 1
