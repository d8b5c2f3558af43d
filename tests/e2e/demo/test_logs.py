import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from e2e.demo.logs import Answer, read_answers, write_answers

PROBABILITY = st.floats(0, 1, width=32)


@given(st.lists(PROBABILITY), st.integers(0, 10**12))
def test_an_answer_reads_back_bit_for_bit(values, version):
    predictions = np.array(values, np.float32)
    answer = Answer(3, "0.1", 5, 6, version, predictions, predictions[::-1])
    read = Answer.from_json(answer.to_json())
    assert np.array_equal(read.ctr, answer.ctr)
    assert np.array_equal(read.cvr, answer.cvr)
    assert read.ctr.dtype == np.float32
    assert (read.base, read.update) == divmod(version, 10**9)


def test_a_file_of_answers(tmp_path):
    predictions = np.array([0.1, 0.2], np.float32)
    answers = [Answer(n, "0.0", n, n, n, predictions, predictions) for n in range(3)]
    write_answers(tmp_path / "answers.jsonl", answers)
    assert [one.block for one in read_answers(tmp_path / "answers.jsonl")] == [0, 1, 2]
