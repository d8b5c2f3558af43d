"""When runs start and are cut, in both modes and through their changes."""

from datetime import UTC, datetime, timedelta

from tandem_operator.schedule import clockwork, next_swap
from tandem_wire.target import Run

from tests.operator.builders import HOUR, MINUTE, NOW, base, online_model, table

PROMOTION = online_model({"promotion": {"swapEvery": "3h"}, "bootstrap": {"duration": "10m"}}).spec
DAILY = online_model({"mode": "Daily", "daily": {"at": "03:00", "timeZone": "Asia/Shanghai"}}).spec
# 03:00 in Shanghai is 19:00 in UTC; at NOW (12:00 UTC) the last one was 17 hours ago, the next is in 7 hours.
LAST = NOW - 17 * HOUR
NEXT = NOW + 7 * HOUR
WINDOW = {"start": "2026-11-11T11:00:00Z", "end": "2026-11-11T13:00:00Z"}
IN_WINDOW = online_model({"mode": "Daily", "promotion": {"windows": [WINDOW], "swapEvery": "30m"}}).spec


def made(at: datetime, due: datetime | None = None):
    return [base(0, created=at, due=due)]


@table(
    "spec bases run began start due cut",
    [
        ("nothing yet: bootstrap at once", PROMOTION, [], None, None, True, None, None),
        ("bootstrap waits for its trainer", PROMOTION, [], Run(None, 0), None, True, None, None),
        ("bootstrap is cut after its time", PROMOTION, [], Run(None, 0), NOW, True, None, NOW + 10 * MINUTE),
        ("bootstrap is the same in Daily", DAILY, [], Run(None, 0), NOW, True, None, NOW + 10 * MINUTE),
        ("Promotion: the next at once", PROMOTION, made(NOW), None, None, True, None, None),
        ("Promotion: not cut before A runs", PROMOTION, made(NOW - 9 * HOUR), Run(0, 1), None, True, None, None),
        ("Promotion: from the last base", PROMOTION, made(NOW), Run(0, 1), NOW - MINUTE, True, None, NOW + 3 * HOUR),
        ("Promotion: from its beginning", PROMOTION, made(NOW - 9 * HOUR), Run(0, 1), NOW, True, None, NOW + 3 * HOUR),
        ("Daily: the day has its base", DAILY, made(LAST, LAST), None, None, False, LAST, None),
        ("Daily: late, but the day has its base", DAILY, made(LAST + HOUR, LAST), None, None, False, LAST, None),
        ("Daily: a base of Promotion will do", DAILY, made(LAST + HOUR), None, None, False, LAST, None),
        ("Daily: the day lacks its base", DAILY, made(LAST - HOUR), None, None, True, LAST, None),
        ("Daily: a due run is cut at once", DAILY, made(LAST - HOUR), Run(0, 1, LAST), None, True, LAST, LAST),
        ("Daily: a run of Promotion, at the next", DAILY, made(NOW), Run(0, 1), NOW, False, LAST, NEXT),
        ("Promotion: a run of Daily", PROMOTION, made(NOW), Run(0, 1, LAST), NOW, True, None, NOW + 3 * HOUR),
        ("inside a window, whatever the mode", IN_WINDOW, made(NOW), Run(0, 1), NOW, True, None, NOW + 30 * MINUTE),
    ],
)
def test_what_is_due(*, spec, bases, run, began, start, due, cut):
    work = clockwork(spec, bases, run, began, NOW)
    assert (work.start, work.due, work.cut) == (start, due, cut)


def test_the_edge_of_a_window_is_the_next_look():
    assert clockwork(IN_WINDOW, made(NOW - HOUR), None, None, NOW).next_look == datetime(2026, 11, 11, 13, tzinfo=UTC)


def test_daily_looks_again_when_the_next_run_is_due():
    assert clockwork(DAILY, made(NOW), None, None, NOW).next_look == NEXT


@table(
    "spec run expected",
    [
        ("Promotion: the cut to come", PROMOTION, Run(0, 1), NOW + 3 * HOUR),
        ("Promotion: what is to be expected", PROMOTION, Run(0, 1), NOW + 3 * HOUR),
        ("cut already: that is when", PROMOTION, Run(0, 1, None, NOW - MINUTE), NOW - MINUTE),
        ("Daily between runs: the next due time", DAILY, None, NEXT),
    ],
)
def test_what_a_person_is_told_of_the_next_swap(spec, run, expected):
    work = clockwork(spec, made(NOW), run, NOW, NOW)
    assert next_swap(spec, work, run, NOW) == expected


def test_a_daily_run_is_due_once_on_the_days_when_clocks_change():
    spec = online_model({"mode": "Daily", "daily": {"at": "02:30", "timeZone": "Europe/Berlin"}}).spec
    begin = datetime(2026, 3, 27, tzinfo=UTC)
    dues = {clockwork(spec, made(begin), None, None, begin + timedelta(minutes=10 * n)).due for n in range(6 * 24 * 5)}
    assert len(dues) == 6
