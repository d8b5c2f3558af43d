"""Tensors survive the round trip bit for bit; what is torn, altered or not finite does not get in."""

import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tandem_wire.errors import InvalidValue, Refused
from tandem_wire.tensors import DTYPES, pack, unpack

from tests.wire.golden_values import TENSORS

ARRAYS = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: hnp.arrays(
        np.dtype(dtype),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements={"allow_nan": False, "allow_infinity": False} if dtype.startswith("float") else None,
    )
)


@given(st.dictionaries(st.text(min_size=1, max_size=6).filter(lambda n: n != "__metadata__"), ARRAYS, max_size=4))
def test_round_trip(tensors: dict[str, np.ndarray]) -> None:
    data = pack(tensors)
    read = unpack(data)
    assert pack(dict(reversed(tensors.items()))) == data, "the order of the dict does not matter"
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert read[name].tobytes() == tensor.tobytes()
        assert not read[name].flags.writeable


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_neither_written_nor_read(value: float) -> None:
    array = np.array([0.0, value], np.float32)
    with pytest.raises(InvalidValue, match="weights/a: has values that are not finite"):
        pack({"weights/a": array})
    data = pack({"weights/a": np.zeros(2, np.float32)})
    with pytest.raises(Refused, match="updates/1/2: tensor weights/a has values that are not finite"):
        unpack(data[: -array.nbytes] + array.tobytes(), "updates/1/2")


def test_strange_types_are_not_written() -> None:
    with pytest.raises(InvalidValue, match="a: dtype complex64"):
        pack({"a": np.zeros(1, np.complex64)})


def container(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
BAD = [
    ("empty", b"", "torn"),
    ("shorter than its size", b"\x01\x00", "torn"),
    ("header torn", pack(TENSORS)[:20], "torn"),
    ("data torn", pack(TENSORS)[:-1], "is not safetensors"),
    ("data too long", pack(TENSORS) + b"\x00", "is not safetensors"),
    ("a huge header", struct.pack("<Q", 2**63) + b"{}", "torn"),
    ("no JSON", container(b"hello"), "not JSON"),
    ("endless nesting", container(b"[" * 100_000), "not JSON"),
    ("no tensors but text", container(["a"]), "is not safetensors"),
    ("a name twice", container(f'{{"a":{ENTRY},"a":{ENTRY}}}'.encode(), b"\x00" * 4), "stands twice"),
    ("overlapping", container(f'{{"a":{ENTRY},"b":{ENTRY}}}'.encode(), b"\x00" * 4), "is not safetensors"),
    ("half floats", container({"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}, b"\x00" * 2), "float16"),
    (
        "bfloat16",
        container({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"\x00" * 2),
        "dtype|not saf",
    ),
    (
        "unknown type",
        container({"a": {"dtype": "Q4", "shape": [1], "data_offsets": [0, 2]}}, b"\x00" * 2),
        "not safetens",
    ),
]


BAD += [
    (case, container({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | changes}, bytes(4)), "not safetens")
    for case, changes in (
        ("a size that is no number", {"shape": ["1"]}),
        ("a size that is true", {"shape": [True]}),
        ("a size below zero", {"shape": [-1]}),
        ("a shape that is no list", {"shape": 1}),
        ("a shape of other bytes", {"shape": [2]}),
        ("more dimensions than there are", {"shape": [1] * 100}),
        ("data before the others", {"data_offsets": [-4, 0]}),
        ("data after a gap", {"data_offsets": [4, 8]}),
        ("one offset", {"data_offsets": [0]}),
        ("no type", {"dtype": None}),
        ("a list for a type", {"dtype": ["F32"]}),
    )
]
BAD += [
    ("half a character", container(rb'{"\ud800":' + ENTRY.encode() + b"}", bytes(4)), "not safetens"),
    ("UTF-16", container(f'{{"a":{ENTRY}}}'.encode("utf-16"), bytes(4)), "not JSON"),
    ("nothing but a name", container({"a": None}), "not safetens"),
    (
        "a shape beyond memory",
        container({"a": {"dtype": "F32", "shape": [2**64, 0], "data_offsets": [0, 0]}}),
        "not saf",
    ),
    ("metadata that are no texts", container({"__metadata__": {"a": 1}}), "not safetens"),
]


def test_metadata_are_passed_over_and_nothing_is_copied() -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    data = container({"__metadata__": {"written": "by hand"}, "a": entry}, np.float32(1.5).tobytes())
    read = unpack(data)
    assert {name: tensor.tolist() for name, tensor in read.items()} == {"a": [1.5]}
    assert np.shares_memory(read["a"], np.frombuffer(data, np.uint8))


@given(st.binary(max_size=40), st.integers(0, 400))
def test_damage_is_refused_or_read_as_the_library_reads_it(noise: bytes, at: int) -> None:
    whole = pack(TENSORS)
    data = whole[:at] + noise + whole[at + len(noise) :]
    try:
        read = unpack(data)
    except Refused:
        return
    np.testing.assert_equal(read, safetensors.numpy.load(data))


@pytest.mark.parametrize(("case", "data", "why"), BAD, ids=[case[0] for case in BAD])
def test_bytes_that_are_no_tensors_are_refused(case: str, data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why) as caught:
        unpack(data, "updates/1/2")
    assert str(caught.value).startswith("updates/1/2: "), case


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_never_anything_else(noise: bytes) -> None:
    for data in (noise, container(noise)):
        try:
            unpack(data)
        except Refused:
            continue
