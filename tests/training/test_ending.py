import subprocess
import sys

import pytest

LATE = """
import os, signal, threading
from tandem_training.ending import STOP, listen
listen()
os.kill(os.getpid(), signal.SIGTERM)
assert STOP.wait(10)
from tandem_training.main import run
run({"TANDEM_TRAINER": CONFIG})
print("ended")
"""


CONFIG = (
    '{"role":"A","model":"shop/search","number":0,"store":{"url":"s3://none/x"},"entrypoint":"no.such:thing",'
    '"streams":[{"name":"c","task":"ctr","segments":{"url":"file:///none"}}]}'
)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_signal_that_comes_while_tensorflow_is_imported_is_not_lost():
    """Nothing begins: the store and the entrypoint of this configuration do not even exist."""
    assert python(LATE.replace("CONFIG", repr(CONFIG))).splitlines()[-1:] == ["ended"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_listening_is_for_both_signals(name):
    listen = "from tandem_training.ending import STOP, listen; listen()"
    assert python(f"import os, signal; {listen}; os.kill(os.getpid(), signal.{name}); print(STOP.wait(10))") == "True\n"
