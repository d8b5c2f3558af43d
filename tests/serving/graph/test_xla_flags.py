"""XLA's flags: what is refused here, and that the installed TensorFlow knows all that is not."""

import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf
from tandem_serving.engine import tensorflow_library
from tandem_serving.graph.xla_flags import (
    KNOWN,
    TENSORFLOW,
    WITHOUT,
    Command,
    GraphSettings,
    Scheduling,
    checked,
    environment,
)
from tandem_wire.errors import InvalidValue

ALL = GraphSettings(tuple(Command), 3, Scheduling.LHS)


def test_settings_become_flags():
    assert GraphSettings().text() == (
        "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL "
        "--xla_gpu_graph_min_graph_size=1 --xla_gpu_command_buffer_scheduling_mode=SERIALIZE"
    )
    assert WITHOUT.text().startswith("--xla_gpu_enable_command_buffer= ")


@pytest.mark.parametrize("settings", [GraphSettings(), WITHOUT, ALL])
def test_what_settings_write_is_known(settings):
    assert checked(settings.text()) == settings.text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            "--xla_gpu_graphs=1",
            "--xla_gpu_graphs is not among the flags that were tried on TensorFlow 2.21",
            id="unknown",
        ),
        pytest.param("xla_gpu_graph_min_graph_size=1", "must be written as --name=value", id="no name"),
        pytest.param("--xla_gpu_graph_min_graph_size", "must be written as --name=value", id="no value"),
        pytest.param("--xla_gpu_graph_min_graph_size=x", "must be a number from 1", id="no number"),
        pytest.param("--xla_gpu_graph_min_graph_size=0", "must be a number from 1", id="zero"),
        pytest.param(
            "--xla_gpu_enable_command_buffer=FUSION,RAYS", "must be names of FUSION, CUBLAS", id="unknown command"
        ),
        pytest.param(
            "--xla_gpu_command_buffer_scheduling_mode=FAST",
            "must be one of SERIALIZE, CONCURRENT, LHS",
            id="unknown mode",
        ),
        pytest.param("--xla_gpu_graph_min_graph_size=1 --xla_gpu_graph_min_graph_size=2", "stands twice", id="twice"),
    ],
)
def test_what_would_end_the_process_is_refused_by_name(text, says):
    with pytest.raises(InvalidValue, match=re.escape(says)) as refused:
        checked(text)
    assert refused.value.field == "XLA_FLAGS"


def test_flags_that_a_user_set_win_and_the_others_stay():
    made = environment(GraphSettings(), {"XLA_FLAGS": "--xla_gpu_graph_min_graph_size=5"})
    assert made["XLA_FLAGS"] == (
        "--xla_gpu_graph_min_graph_size=5 "
        "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL "
        "--xla_gpu_command_buffer_scheduling_mode=SERIALIZE"
    )
    assert made["NVIDIA_TF32_OVERRIDE"] == "0"
    assert "NVIDIA_TF32_OVERRIDE" not in environment(WITHOUT, {"NVIDIA_TF32_OVERRIDE": "1"})
    with pytest.raises(InvalidValue, match="--xla_dump_to is not among"):
        environment(GraphSettings(), {"XLA_FLAGS": "--xla_dump_to=/tmp"})


def test_the_installed_tensorflow_has_all_names():
    assert tf.__version__.startswith(f"{TENSORFLOW}."), "try the flags on this version, then raise TENSORFLOW"
    wanted = {name.encode() + b"\0" for name in KNOWN}
    longest = max(map(len, wanted))
    before = b""
    with tensorflow_library().open("rb") as library:
        while wanted and (block := library.read(1 << 24)):
            wanted -= {name for name in wanted if name in before + block}
            before = block[-longest:]
    assert not wanted


COMPILE = "import tensorflow as tf; print(tf.function(lambda x: x + 1, jit_compile=True)(tf.zeros(2)).numpy())"


@pytest.mark.parametrize(
    ("flags", "says"),
    [(ALL.text(), ""), (WITHOUT.text(), ""), ("--xla_gpu_graphs=1", "Unknown flag in XLA_FLAGS: --xla_gpu_graphs=1")],
    ids=["all", "none", "unknown"],
)
def test_xla_takes_them_and_aborts_on_others(flags, says):
    """The third shows that the first two prove something."""
    told = os.environ | {"XLA_FLAGS": flags, "CUDA_VISIBLE_DEVICES": ""}
    ended = subprocess.run(
        [sys.executable, "-c", COMPILE], env=told, capture_output=True, text=True, timeout=240, check=False
    )
    assert (ended.returncode != 0) == bool(says), ended.stderr[-2000:]
    assert says in ended.stderr
