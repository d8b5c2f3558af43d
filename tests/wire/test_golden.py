"""What this version writes is byte for byte what every store holds already, and what they hold is read."""

import dataclasses

import numpy as np
import pytest
from tandem_wire.records import decode
from tandem_wire.tensors import unpack

from tests.wire.golden_values import GOLDEN, RECORDS, TENSORS, VALUES, files


@pytest.mark.parametrize("name", sorted(files()))
def test_the_bytes_are_the_golden_ones(name: str) -> None:
    assert files()[name]() == (GOLDEN / name).read_bytes()


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_golden_records_are_read(name: str) -> None:
    read = decode((GOLDEN / f"{name}.json").read_bytes())
    assert dataclasses.replace(read, digest="") == RECORDS[name]
    assert len(read.digest) == 64


@pytest.mark.parametrize("name", sorted(VALUES))
def test_golden_values_are_read(name: str) -> None:
    assert type(VALUES[name]).from_json((GOLDEN / f"{name}.json").read_bytes()) == VALUES[name]


def test_golden_tensors_are_read() -> None:
    read = unpack((GOLDEN / "tensors.safetensors").read_bytes())
    assert set(read) == set(TENSORS)
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(read[name], tensor)
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape


def test_every_golden_file_is_tested() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(files())
