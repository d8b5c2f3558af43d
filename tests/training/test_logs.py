import json
import threading

import pytest
import structlog
from tandem_training import logs


@pytest.fixture
def configured(monkeypatch):
    monkeypatch.setattr(logs, "_IDENTITY", {})
    yield logs.configure
    structlog.reset_defaults()


def test_every_thread_says_who_it_is(configured, capsys):
    configured()
    logs.identify(model="shop/search", role="B")
    thread = threading.Thread(target=lambda: structlog.get_logger("x").info("published", record="updates/0/3"))
    thread.start()
    thread.join()
    line = json.loads(capsys.readouterr().out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "model": "shop/search",
        "role": "B",
        "event": "published",
        "record": "updates/0/3",
        "level": "info",
    }


def test_the_level_can_be_chosen(configured, capsys, monkeypatch):
    monkeypatch.setenv("TANDEM_LOG_LEVEL", "warning")
    configured()
    structlog.get_logger("x").info("quiet")
    structlog.get_logger("x").warning("loud")
    assert json.loads(capsys.readouterr().out)["event"] == "loud"
