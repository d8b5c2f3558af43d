"""What a pod was asked to capture."""

from dataclasses import replace

import pytest
from tandem_serving.errors import ConfigError
from tandem_serving.graph.state import Asked, asked
from tandem_serving.graph.xla_flags import WITHOUT, GraphSettings
from tandem_wire.config import ServerConfig, StoreConfig

CONFIG = ServerConfig(model="shop/search", served_name="search", store=StoreConfig("file:///models"))


def test_a_pod_without_gpus_captures_nothing():
    assert asked(CONFIG, {}) == Asked()


@pytest.mark.parametrize(("on", "settings"), [(True, GraphSettings()), (False, WITHOUT)])
def test_a_pod_with_gpus_captures_and_only_the_flags_say_whether_xla_records(on, settings):
    found = asked(replace(CONFIG, batch_sizes=(1, 8), exclude_ops=("Elu",), cuda_graph=on), {})
    assert (found.device, found.exclude) == ("gpu", ("Elu",))
    assert found.environment["XLA_FLAGS"] == settings.text()


@pytest.mark.parametrize(
    ("sizes", "flags", "says"),
    [
        ((1, 65536), "", r"batchSizes\[1\].*65536 must be from 1 to 8192"),
        ((1,), "--xla_gpu_rays=1", "--xla_gpu_rays is not among the flags"),
    ],
)
def test_what_would_end_the_engine_is_refused_before(sizes, flags, says):
    with pytest.raises(ConfigError, match=says):
        asked(replace(CONFIG, batch_sizes=sizes, cuda_graph=True), {"XLA_FLAGS": flags})
