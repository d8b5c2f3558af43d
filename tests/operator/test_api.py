from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tandem_operator.api import (
    Daily,
    Mode,
    OnlineModel,
    PromotionWindow,
    Share,
    SpecInvalid,
    Threshold,
    effective_mode,
    format_duration,
    format_time,
    next_mode_change,
    parse_duration,
)


def body(**spec: Any) -> dict[str, Any]:
    """The smallest OnlineModel, with parts of its spec put in the place of its own."""
    smallest = {
        "model": {"entrypoint": "tandem_training.models.ctr_cvr:build"},
        "streams": [{"name": "click", "task": "ctr", "kafka": {"bootstrapServers": "kafka:9092", "topic": "clicks"}}],
        "store": {"s3": {"bucket": "models"}},
    }
    return {"metadata": {"name": "search", "namespace": "shop", "uid": "u-1"}, "spec": {**smallest, **spec}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90s", 90), ("1m30s", 90), ("2h", 7200), ("7d", 604800), ("1d1h1m1s", 90061), ("0s", 0)],
)
def test_duration_means(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "1.5h", "m", "-1s", "1s1m", "1h 5m", "1w", "1S", "500ms"])
def test_duration_refused(text):
    with pytest.raises(ValueError, match="is not a duration: write"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**9))
def test_duration_round_trip(seconds):
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


def test_time_is_written_in_utc():
    assert format_time(at("2026-11-10T20:00:00.9+08:00")) == "2026-11-10T12:00:00Z"


@pytest.mark.parametrize(
    ("value", "total", "pods"),
    [(1, 4, 1), (9, 4, 4), ("50%", 4, 2), ("50%", 5, 3), ("1%", 4, 1), ("100%", 4, 4), ("50%", 0, 0), (3, 0, 0)],
)
def test_share(value, total, pods):
    share = Share.parse(value)
    assert share.of(total) == pods
    assert share.text() == value


@pytest.mark.parametrize("value", [0, -1, "0%", "101%", "50", 1.5, True, None])
def test_share_refused(value):
    with pytest.raises(ValueError, match="neither a number of pods"):
        Share.parse(value)


@pytest.mark.parametrize(
    ("text", "before", "change", "exceeded"),
    [
        ("0.002", 0.7, 0.002, False),
        ("0.002", 0.7, 0.0021, True),
        ("20%", 10.0, 2.0, False),
        ("20%", 10.0, 2.1, True),
        ("20%", -10.0, 2.1, True),
    ],
)
def test_threshold(text, before, change, exceeded):
    threshold = Threshold.parse(text)
    assert threshold.exceeded(before, change) is exceeded
    assert threshold.text() == text


def test_smallest_model_has_a_default_for_all_else():
    spec = OnlineModel.parse(body()).spec
    assert spec.mode is Mode.DAILY
    assert spec.swift.interval == timedelta(minutes=1)
    assert spec.promotion.swap_every == timedelta(hours=3)
    assert spec.streams[0].max_out_of_order == timedelta(seconds=10)
    assert spec.monitoring.freshness_target == timedelta(minutes=2)
    assert spec.serving.gpu is None


def test_names_and_places():
    model = OnlineModel.parse(body(store={"s3": {"bucket": "models", "prefix": "team/a"}}))
    assert model.key == "shop/search"
    assert model.store_url == "s3://models/team/a/shop/search"
    assert OnlineModel.parse(body()).store_url == "s3://models/shop/search"


def test_values_are_frozen():
    spec = OnlineModel.parse(body()).spec
    with pytest.raises(ValidationError, match="frozen"):
        spec.suspend = True


def test_what_is_written_reads_the_same():
    spec = OnlineModel.parse(
        body(
            bootstrap={"from": "s3://models/a/b/checkpoints/1"},
            rollout={
                "steps": [{"pods": 1}, {"pods": "50%", "hold": "5m"}],
                "gates": {"latencyP99": {"maxRise": "20%"}},
            },
            promotion={"windows": [{"start": "2026-11-10T20:00:00+08:00", "end": "2026-11-12T00:00:00+08:00"}]},
            daily={"at": "03:30:15", "timeZone": "Asia/Shanghai"},
        )
    ).spec
    again = OnlineModel.parse({**body(), "spec": spec.to_json()}).spec
    assert again == spec
    assert spec.to_json()["bootstrap"] == {"from": "s3://models/a/b/checkpoints/1", "duration": "10m"}
    assert spec.to_json()["rollout"]["gates"] == {"latencyP99": {"maxRise": "20%"}}


def test_fields_of_a_newer_version_are_passed_over():
    assert OnlineModel.parse(body(swift={"interval": "5s", "sparkle": 1})).spec.swift.interval == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        pytest.param({"streams": []}, "spec: streams: give at least one", id="no stream"),
        pytest.param(
            {"streams": [{**body()["spec"]["streams"][0], "segments": {"prefix": "s3://samples/"}}]},
            "exactly one source",
            id="two sources",
        ),
        pytest.param(
            {"streams": [{"name": "click", "task": "ctr"}]},
            r"spec.streams\[0\]: a stream has exactly one source",
            id="no source",
        ),
        pytest.param(
            {"streams": [{**body()["spec"]["streams"][0], "task": "ctcvr"}]},
            r"spec.streams\[0\].task: .*'ctr' or 'cvr'",
            id="a task that is none",
        ),
        pytest.param(
            {"swift": {"interval": "0s"}}, "spec.swift.interval: must be from 1s to 1h, not 0s", id="too often"
        ),
        pytest.param(
            {"swift": {"interval": "1 minute"}},
            'spec.swift.interval: "1 minute" is not a duration: write',
            id="no duration",
        ),
        pytest.param(
            {"daily": {"timeZone": "Mars/Olympus"}},
            'spec.daily.timeZone: "Mars/Olympus" is no time zone: write',
            id="no zone",
        ),
        pytest.param({"daily": {"at": "3am"}}, 'spec.daily.at: "3am" is no time of day: write', id="no time"),
        pytest.param(
            {"promotion": {"windows": [{"start": "2026-11-12T00:00:00Z", "end": "2026-11-11T00:00:00Z"}]}},
            "end must be after its start",
            id="window that ends first",
        ),
        pytest.param(
            {"promotion": {"windows": [{"start": "2026-11-12T00:00:00", "end": "2026-11-13T00:00:00Z"}]}},
            "start: .*timezone",
            id="local time",
        ),
        pytest.param(
            {"rollout": {"steps": [{"pods": "50%"}, {"pods": "20%"}]}},
            "spec.rollout: steps must grow",
            id="shrinking steps",
        ),
        pytest.param(
            {"rollout": {"steps": [{"pods": "0%"}]}},
            r"spec.rollout.steps\[0\].pods: '0%' is neither",
            id="no such share",
        ),
        pytest.param(
            {"rollout": {"gates": {"auc": {"maxDrop": "low"}}}},
            "spec.rollout.gates.auc.maxDrop: 'low' is no threshold",
            id="no threshold",
        ),
    ],
)
def test_bad_spec_is_explained(spec, sentence):
    with pytest.raises(SpecInvalid, match=sentence):
        OnlineModel.parse(body(**spec))


def test_unreadable_status_counts_as_none():
    model = OnlineModel.parse({**body(), "status": {"phase": "Dancing"}})
    assert model.status.lineage is None
    assert OnlineModel.parse({**body(), "status": {"lineage": {"restoredFrom": 3}}}).status.lineage is not None


WINDOWS = (
    PromotionWindow(start=at("2026-11-10T12:00:00Z"), end=at("2026-11-11T12:00:00Z")),
    PromotionWindow(start=at("2026-12-11T00:00:00Z"), end=at("2026-12-13T00:00:00Z")),
)


@pytest.mark.parametrize(
    ("mode", "windows", "now", "expected", "change"),
    [
        pytest.param(
            Mode.PROMOTION, (), "2026-11-10T00:00:00Z", Mode.PROMOTION, None, id="no windows: the mode itself"
        ),
        pytest.param(
            Mode.PROMOTION, WINDOWS, "2026-11-10T11:59:59Z", Mode.DAILY, "2026-11-10T12:00:00Z", id="before the first"
        ),
        pytest.param(
            Mode.DAILY,
            WINDOWS,
            "2026-11-10T12:00:00Z",
            Mode.PROMOTION,
            "2026-11-11T12:00:00Z",
            id="the start is inside",
        ),
        pytest.param(
            Mode.DAILY,
            WINDOWS,
            "2026-11-10T20:00:00+08:00",
            Mode.PROMOTION,
            "2026-11-11T12:00:00Z",
            id="in another zone",
        ),
        pytest.param(
            Mode.DAILY, WINDOWS, "2026-11-11T12:00:00Z", Mode.DAILY, "2026-12-11T00:00:00Z", id="the end is outside"
        ),
        pytest.param(
            Mode.DAILY, WINDOWS, "2026-12-12T00:00:00Z", Mode.PROMOTION, "2026-12-13T00:00:00Z", id="the second"
        ),
        pytest.param(Mode.PROMOTION, WINDOWS, "2027-01-01T00:00:00Z", Mode.DAILY, None, id="after the last"),
    ],
)
def test_effective_mode(mode, windows, now, expected, change):
    assert effective_mode(mode, windows, at(now)) is expected
    assert next_mode_change(windows, at(now)) == (at(change) if change else None)


@pytest.mark.parametrize(
    ("daily", "now", "last", "following"),
    [
        pytest.param(
            {"at": "03:00"}, "2026-11-10T02:59:59Z", "2026-11-09T03:00:00Z", "2026-11-10T03:00:00Z", id="later today"
        ),
        pytest.param(
            {"at": "03:00"},
            "2026-11-10T03:00:00Z",
            "2026-11-10T03:00:00Z",
            "2026-11-11T03:00:00Z",
            id="this very second",
        ),
        pytest.param(
            {"at": "03:00", "timeZone": "Asia/Shanghai"},
            "2026-11-10T20:00:00Z",
            "2026-11-10T19:00:00Z",
            "2026-11-11T19:00:00Z",
            id="Shanghai",
        ),
        pytest.param(
            {"at": "23:30", "timeZone": "Pacific/Pago_Pago"},
            "2026-11-10T10:00:00Z",
            "2026-11-09T10:30:00Z",
            "2026-11-10T10:30:00Z",
            id="far west",
        ),
        pytest.param(
            {"at": "02:30", "timeZone": "Europe/Berlin"},
            "2026-03-29T00:00:00Z",
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:30:00Z",
            id="skipped by a clock change",
        ),
        pytest.param(
            {"at": "02:30", "timeZone": "Europe/Berlin"},
            "2026-10-25T01:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z",
            id="twice by a clock change",
        ),
    ],
)
def test_daily_due(daily, now, last, following):
    schedule = Daily.model_validate(daily)
    assert schedule.last_due(at(now)) == at(last)
    assert schedule.next_due(at(now)) == at(following)


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    minute=st.integers(0, 24 * 60 - 1),
    zone=st.sampled_from(["Etc/UTC", "Asia/Shanghai", "America/St_Johns", "Europe/London", "Pacific/Kiritimati"]),
)
def test_now_lies_between_two_due_times_a_day_apart(now, minute, zone):
    daily = Daily.model_validate({"at": f"{minute // 60:02}:{minute % 60:02}", "timeZone": zone})
    last, following = daily.last_due(now), daily.next_due(now)
    assert last <= now < following
    assert timedelta(hours=22) <= following - last <= timedelta(hours=26)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://s3:8333", "http://s3.shop.svc:8333"),
        ("http://s3", "http://s3.shop.svc"),
        ("http://s3:8333/a/b", "http://s3.shop.svc:8333/a/b"),
        ("http://s3.other:8333", "http://s3.other:8333"),
        ("https://s3.example.com", "https://s3.example.com"),
        ("http://10.0.0.1:8333", "http://10.0.0.1:8333"),
        ("http://[fd00::1]:8333", "http://[fd00::1]:8333"),
        ("http://localhost:8333", "http://localhost:8333"),
    ],
)
def test_endpoint_means_the_same_in_the_operators_namespace(endpoint, expected):
    segments = {"name": "order", "task": "cvr", "segments": {"prefix": "s3://samples/", "endpoint": endpoint}}
    model = OnlineModel.parse(body(store={"s3": {"bucket": "models", "endpoint": endpoint}}, streams=[segments]))
    assert model.spec.store.s3.endpoint == expected
    assert model.spec.streams[0].segments is not None
    assert model.spec.streams[0].segments.endpoint == expected
