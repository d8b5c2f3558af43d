"""Running a program to its end, and what is said when it fails."""

import pytest

from e2e.cluster import shell
from e2e.cluster.errors import CommandFailedError, MissingProgramError, NotReadyError


def test_output_comes_back():
    assert shell.run(["cat"], stdin="hello") == "hello"


@pytest.mark.parametrize(
    ("argv", "timeout", "error", "message"),
    [
        (["sh", "-c", "echo because >&2; exit 3"], 10, CommandFailedError, r"status 3\n    because"),
        (["sh", "-c", "echo on the other; exit 3"], 10, CommandFailedError, r"status 3\n    on the other"),
        (["sleep", "60"], 0.1, CommandFailedError, "gave no result within"),
        (["no-such-program"], 10, MissingProgramError, "Install it, or correct PATH"),
    ],
)
def test_failures_say_what_and_why(argv, timeout, error, message):
    with pytest.raises(error, match=message):
        shell.run(argv, timeout=timeout)


def test_only_the_end_of_a_long_output_is_shown():
    with pytest.raises(CommandFailedError) as caught:
        shell.run(["sh", "-c", "seq 1 1000 >&2; exit 1"])
    assert str(caught.value).splitlines()[-shell.TAIL_LINES :] == [f"    {n}" for n in range(981, 1001)]


def test_waiting_ends_when_the_condition_holds():
    answers = iter([False, False, True])
    shell.wait_until("ready", lambda: next(answers), timeout=10, interval=0)


def test_waiting_gives_up_and_says_for_what():
    with pytest.raises(NotReadyError, match="the registry: not so after 0 s"):
        shell.wait_until("the registry", lambda: False, timeout=0, interval=0)
