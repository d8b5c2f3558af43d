"""Whatever a caller passes: an answer or a refusal that names the table, and a table that is whole."""

import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.tables import DIM, make_table

INVALID = tf.errors.InvalidArgumentError

DTYPES = [tf.int64, tf.int32, tf.uint8, tf.float32, tf.float64, tf.bfloat16, tf.bool, tf.string, tf.complex64]
shapes = st.lists(st.integers(0, 3), max_size=3)
numbers = (
    st.integers(-(2**70), 2**70) | st.floats() | st.none() | st.booleans() | st.text(max_size=3) | st.binary(max_size=3)
)


@st.composite
def tensors(draw):
    """A tensor of any dtype and small shape, now and then sparse or ragged, or a NumPy array."""
    dtype, shape = draw(st.sampled_from(DTYPES)), draw(shapes)
    seed = draw(st.integers(0, 99))
    values = np.random.default_rng(seed).integers(-3, 4, shape)
    tensor = tf.strings.as_string(values) if dtype == tf.string else tf.cast(values, dtype)
    form = draw(st.sampled_from(["dense", "dense", "numpy", "sparse", "ragged", "variable"]))
    if form == "sparse" and dtype != tf.string and shape:
        return tf.sparse.from_dense(tensor)
    if form == "ragged" and len(shape) > 1:
        return tf.RaggedTensor.from_tensor(tensor)
    if form == "variable" and dtype != tf.string:
        return tf.Variable(tensor)
    return tensor.numpy() if form == "numpy" else tensor


anything = tensors() | numbers | st.lists(numbers, max_size=3) | st.lists(st.lists(numbers, max_size=2), max_size=2)
ids = anything | st.lists(st.integers(-3, 3), max_size=4)
gradients = anything | st.just(np.ones([4, DIM], np.float32))

CALLS = {
    "lookup": st.tuples(ids, st.just({}) | st.builds(lambda t: {"event_time": t}, anything)),
    "peek": st.tuples(ids),
    "remove": st.tuples(ids),
    "apply": st.tuples(
        anything | st.just("handles"), gradients, st.just({}) | st.builds(lambda r: {"learning_rate": r}, anything)
    ),
    "ack": st.tuples(anything),
    "size": st.tuples(),
    "keys": st.tuples(),
}


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(sorted(CALLS)).flatmap(lambda m: st.tuples(st.just(m), CALLS[m])), min_size=1, max_size=5)
)
def test_any_call_answers_or_refuses_by_name(calls):
    table = make_table("fuzzed")
    _, handles = table.lookup([1, 2, 3, 2])
    for method, arguments in calls:
        *positional, last = arguments or [{}]
        named = last if isinstance(last, dict) else {}
        positional = [*positional, *([] if isinstance(last, dict) else [last])]
        values = [handles if isinstance(value, str) and value == "handles" else value for value in positional]
        try:
            getattr(table, method)(*values, **named)
        except INVALID as refusal:
            assert "fuzzed" in str(refusal)  # noqa: PT017 (whether it is refused is open)
    cut = table.snapshot()
    other = make_table("other")
    other.restore(cut)
    assert other.snapshot().keys.tobytes() == cut.keys.tobytes() == table.keys().numpy().tobytes()
    assert np.isfinite(cut.rows).all()


@settings(max_examples=30)
@given(columns=st.tuples(anything, anything, anything, anything, anything), removed=anything, dirty=st.booleans())
def test_no_columns_break_a_table(columns, removed, dirty):
    table = make_table("fuzzed")
    table.lookup([1, 2])
    before = table.snapshot()
    snapshot = ops.Snapshot(*columns)
    for call in (
        lambda: table.restore(snapshot),
        lambda: table.load_rows(snapshot, mark_dirty=dirty),
        lambda: table.load_rows(before, removed=removed, mark_dirty=dirty),
    ):
        try:
            call()
        except INVALID as refusal:
            assert "fuzzed" in str(refusal)  # noqa: PT017 (the same)
    make_table("other").restore(table.snapshot())


@pytest.mark.parametrize("event_time", [-1, 2**32, 2**40, 2**63, 1.5, "noon", None])
def test_a_time_that_is_no_tick_is_refused(event_time):
    table = make_table("clocked")
    with pytest.raises(INVALID, match='"clocked": event_time'):
        table.lookup([1], event_time=event_time)
    assert table.size().numpy() == 0


@pytest.mark.parametrize("event_time", [0, 1, 2**32 - 1])
def test_ticks_are_kept(event_time):
    table = make_table()
    table.lookup([1], event_time=event_time)
    assert table.snapshot().seen.tolist() == [event_time]


def test_another_resource_is_no_table():
    variable, table = tf.Variable(1.0), make_table()
    for call in (
        lambda: ops.native.kernels.tandem_size(variable.handle),
        lambda: ops.native.kernels.tandem_peek([table.resource_handle, variable.handle], [[1], [2]], dims=[DIM, DIM]),
    ):
        with pytest.raises(INVALID):
            call()


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("", "dim must be in 1"),
        ("dim=0", "dim must be in 1"),
        ("dim=99999999999", 'dim cannot be "99999999999"'),
        ("dim=2.5", 'dim cannot be "2.5"'),
        ("dim", 'dim cannot be ""'),
        ("dim=2\ninitializer=ones", 'initializer cannot be "ones"'),
        ("dim=2\ninitializer.scale=nan", 'initializer.scale cannot be "nan"'),
        ("dim=2\noptimizer=lion", "lion"),
        ("dim=2\noptimizer=adam\noptimizer.beta1=2", "beta1"),
        ("dim=2\noptimizer.gamma=2", "gamma"),
        ("dim=2\n=\n", 'know no option ""'),
    ],
)
def test_a_bent_description_is_refused(description, message):
    with pytest.raises(INVALID, match=f'HashVariable "t": .*{message}'):
        ops.native.kernels.tandem_hash_variable(table_name="t", description=description)
