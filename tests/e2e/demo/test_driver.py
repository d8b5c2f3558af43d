from datetime import UTC, datetime, timedelta

import pytest

from e2e.demo.driver import next_minute


@pytest.mark.parametrize("second", [0, 1, 39, 40, 41, 59])
def test_a_run_is_due_soon_and_never_too_soon(second):
    now = datetime(2026, 5, 1, 23, 58, second, tzinfo=UTC)
    hour, minute = (int(part) for part in next_minute(now, 20).split(":"))
    due = now.replace(hour=hour, minute=minute, second=0)
    if due < now:
        due += timedelta(days=1)
    assert timedelta(seconds=20) <= due - now < timedelta(seconds=80)
