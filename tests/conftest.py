"""Files with slow tests go first: where tests are spread over processes, a long file that begins last is waited for."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move whole files, so that what a file sets up once is set up once."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)
