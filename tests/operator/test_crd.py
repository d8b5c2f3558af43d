from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tandem_operator.api import OnlineModel, Spec
from tandem_operator.crd import CHART_PATH, CRD_PATH, crd, files, main

from tests.operator.api_server import kubeconfig, trial

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "manifests" / "examples").glob("*.yaml"))
FORBIDDEN = {"$ref", "$defs", "title", "const", "oneOf", "definitions", "prefixItems"}
Node = dict[str, Any]


def root() -> Node:
    schema: Node = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(node[key], f"{path}[]")


NODES = dict(nodes(root()))
SPEC = {path: node for path, node in NODES.items() if path.startswith(".spec.")}


def filled(node: Node, value: Any) -> Any:
    """What the API server makes of a value: defaults put in, from the top down."""
    if isinstance(value, list):
        return [filled(node.get("items", {}), item) for item in value]
    if not isinstance(value, dict) or "properties" not in node:
        return value
    children = node["properties"]
    given = {**{name: deepcopy(child["default"]) for name, child in children.items() if "default" in child}, **value}
    return {name: filled(children.get(name, {}), item) for name, item in given.items()}


def strict(node: Any) -> Any:
    """The schema with unknown fields refused, as `kubectl apply` does, and bounds as JSON Schema writes them."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {key: strict(value) for key, value in node.items()}
    if node.get("exclusiveMinimum") is True:
        changed["exclusiveMinimum"] = changed.pop("minimum")
    if isinstance(node.get("properties"), dict) and "type" in node:
        changed["additionalProperties"] = False
    return changed


def check(value: Any, node: Node) -> None:
    jsonschema.Draft202012Validator(strict(node)).validate(value)


def test_generated_files_are_current():
    for path, text in files().items():
        assert (ROOT / path).read_bytes() == text.encode(), f"{path}: run python -m tandem_operator.crd --write"


def test_write_then_check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert "Run python -m tandem_operator.crd --write" in capsys.readouterr().err
    assert main(["--write"]) == 0
    assert main(["--check"]) == 0
    (tmp_path / CHART_PATH).write_text("old")
    assert main(["--check"]) == 1
    assert str(CRD_PATH) not in capsys.readouterr().err


def test_yaml_has_no_aliases():
    assert all("&id" not in text and "*id" not in text for text in files().values())


def test_schema_is_structural():
    for path, node in NODES.items():
        assert not FORBIDDEN & node.keys(), path
        assert node.get("additionalProperties") is not False, path
        assert "type" in node or node.get("x-kubernetes-int-or-string") is True, path
        if "anyOf" in node:
            assert node["anyOf"] == [{"type": "integer"}, {"type": "string"}], path


def test_every_field_teaches():
    named = {path: node for path, node in NODES.items() if path and not path.endswith("[]") and path != ".metadata"}
    for path, node in named.items():
        assert len(node.get("description", "")) > 5, f"{path} has no description"
        assert "(M" not in node["description"], f"{path} speaks of our own documents"


def test_every_field_of_the_spec_is_bounded():
    # Else the API server cannot bound what a rule costs, and a user can store anything of any size.
    for path, node in SPEC.items():
        kind = node.get("type")
        if kind == "string":
            assert "enum" in node or "maxLength" in node or node.get("format") == "date-time", path
        if kind == "array":
            assert "maxItems" in node, path
        if kind == "integer" and not path.endswith("tolerationSeconds"):
            assert {"minimum", "maximum"} <= node.keys(), path
        if kind == "object" and "properties" not in node and not node.get("x-kubernetes-preserve-unknown-fields"):
            assert "maxProperties" in node, path


@pytest.mark.parametrize("path", [path for path, node in NODES.items() if "default" in node])
def test_default_is_valid(path):
    check(filled(NODES[path], NODES[path]["default"]), NODES[path])


def test_only_model_streams_and_store_have_no_default():
    assert NODES[".spec"]["required"] == ["model", "streams", "store"]
    given = {path for path in SPEC if path.count(".") == 2 and "default" not in SPEC[path] and "[" not in path}
    # `weights` is empty unless said, which needs no default.
    assert given == {".spec.model", ".spec.streams", ".spec.store", ".spec.weights"}


def test_status_has_no_defaults():
    assert not [path for path, node in NODES.items() if path.startswith(".status") and "default" in node]


def test_defaults_of_the_schema_are_those_of_python():
    smallest = yaml.safe_load((ROOT / "manifests/examples/minimal.yaml").read_text())["spec"]
    assert Spec.model_validate(filled(NODES[".spec"], smallest)) == Spec.model_validate(smallest)


def test_columns_are_what_a_user_reads():
    columns = crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"].upper() for column in columns if not column.get("priority")]
    assert shown == ["MODE", "PHASE", "BASE", "UPDATE", "FRESH", "ROLLOUT", "NEXT SWAP", "AVAILABLE", "AGE"]


def test_every_column_points_at_a_field():
    for column in crd()["spec"]["versions"][0]["additionalPrinterColumns"]:
        path = column["jsonPath"].replace('[?(@.type=="Available")]', "[]").replace('[?(@.type=="Stalled")]', "[]")
        assert path in NODES or path == ".metadata.creationTimestamp"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_hold(path):
    body = yaml.safe_load(path.read_text())
    check(body["spec"], NODES[".spec"])
    model = OnlineModel.parse({**body, "metadata": {**body["metadata"], "namespace": "shop", "uid": "u-1"}})
    check(filled(NODES[".spec"], body["spec"]), NODES[".spec"])
    check(model.spec.to_json(), NODES[".spec"])


Edit = Callable[[Node], object]


def put(path: str, value: Any) -> Edit:
    """An edit that sets what stands at a path, as `spec.swift.interval`."""

    def edit(body: Node) -> None:
        *parents, last = path.split(".")
        node: Any = body
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(last) if isinstance(node, list) else last] = value

    return edit


PODS = "spec.serving.template"
RESOURCES = "spec.serving.resources"
WINDOWS = "spec.promotion.windows"
STEPS = "spec.rollout.steps"
KEY = {"secretKeyRef": {"name": "s", "key": "k"}}
WINDOW = {"start": "2026-11-10T00:00:00Z", "end": "2026-11-11T00:00:00Z"}
LATER = {"start": "2026-11-10T12:00:00Z", "end": "2026-11-12T00:00:00Z"}
BAD: list[tuple[str, Edit, str]] = [
    ("a long name", put("metadata.name", "a" * 41), "metadata.name may have at most 40 characters"),
    ("a dotted name", put("metadata.name", "a.b"), "begin with a letter and use only a-z, 0-9 and -"),
    ("a digit first", put("metadata.name", "7up"), "begin with a letter and use only a-z, 0-9 and -"),
    ("no streams", put("spec.streams", []), "streams: give at least one"),
    ("both sources", put("spec.streams.0.segments", {"prefix": "s3://samples/"}), "give kafka or segments, not both"),
    ("no source", put("spec.streams.1", {"name": "order", "task": "cvr"}), "a stream has exactly one source"),
    ("one name twice", put("spec.streams.1.name", "click"), "Duplicate value"),
    ("one task twice", put("spec.streams.1.task", "ctr"), "streams: one per task"),
    ("an unknown task", put("spec.streams.0.task", "ctcvr"), 'supported values: "ctr", "cvr"'),
    ("an unknown mode", put("spec.mode", "Weekly"), 'supported values: "Daily", "Promotion"'),
    ("no entrypoint", put("spec.model", {}), "spec.model.entrypoint: Required value"),
    ("an entrypoint without a function", put("spec.model.entrypoint", "a.b"), "should match"),
    ("no store", put("spec.store", {}), "spec.store.s3: Required value"),
    ("a bucket that is a path", put("spec.store.s3.bucket", "models/a"), "should match"),
    ("an endpoint without a scheme", put("spec.store.s3.endpoint", "s3:8333"), "should match"),
    ("a duration in words", put("spec.swift.interval", "1 minute"), "should match"),
    ("a duration that is a number", put("spec.swift.interval", 60), "must be of type "),
    ("an interval of nothing", put("spec.swift.interval", "0s"), "must be from 1s to 1h"),
    ("an interval of days", put("spec.swift.interval", "2d"), "must be from 1s to 1h"),
    ("keyframes never", put("spec.swift.keyframeEvery", 0), "greater than or equal to 1"),
    ("swaps between updates", put("spec.promotion.swapEvery", "30s"), "must be longer than swift.interval"),
    ("a swap per update", put("spec.promotion.swapEvery", "60s"), "must be longer than swift.interval"),
    ("a window backwards", put(WINDOWS, [{"start": WINDOW["end"], "end": WINDOW["start"]}]), "after its start"),
    ("windows that overlap", put(WINDOWS, [WINDOW, LATER]), "windows must not overlap"),
    ("one window twice", put(WINDOWS, [WINDOW, WINDOW]), "windows must not overlap"),
    ("a window without zone", put(WINDOWS, [{**WINDOW, "end": "2026-11-11T00:00:00"}]), "date-time"),
    ("a time of day in words", put("spec.daily.at", "3am"), "should match"),
    ("no pods in a step", put(STEPS, [{"pods": 0}]), "pods is a number of pods, 1 or more"),
    ("too many per cent", put(STEPS, [{"pods": "101%"}]), "pods is a number of pods, 1 or more"),
    ("a hold beyond the deadline", put(STEPS, [{"pods": 1, "hold": "30m"}]), "longer than every step's hold"),
    ("a number for a threshold", put("spec.rollout.gates", {"auc": {"maxDrop": 0.002}}), "must be of type "),
    ("GPUs without one", put("spec.serving.gpu", {"count": 0}), "greater than or equal to 1"),
    ("graphs of no size", put("spec.serving.gpu", {"cudaGraph": {"batchSizes": []}}), "should have at least 1 items"),
    ("a learning rate of 0", put("spec.training.learningRate", 0), "should be greater than 0"),
    ("a quantity in words", put(RESOURCES, {"limits": {"memory": "lots"}}), "should match"),
    (
        "more asked than allowed",
        put(RESOURCES, {"requests": {"memory": "2Gi"}, "limits": {"memory": "1000Mi"}}),
        "a request must not be more than its limit",
    ),
    ("a variable of ours", put(f"{PODS}.env", [{"name": "TANDEM_SERVER", "value": ""}]), "Tandem's own"),
    ("keys in the open", put(f"{PODS}.env", [{"name": "AWS_ACCESS_KEY_ID", "value": "k"}]), "credentialsSecret"),
    ("a variable twice", put(f"{PODS}.env", [{"name": "A"}, {"name": "A"}]), "Duplicate value"),
    (
        "a value and a source",
        put(f"{PODS}.env", [{"name": "A", "value": "", "valueFrom": KEY}]),
        "give value or valueFrom, not both",
    ),
    ("a source of nothing", put(f"{PODS}.env", [{"name": "A", "valueFrom": {}}]), "give exactly one of secretKeyRef"),
    ("a toleration of nothing", put(f"{PODS}.tolerations", [{"value": "x"}]), "give key, or operator Exists"),
    ("a toleration of any x", put(f"{PODS}.tolerations", [{"operator": "Exists", "value": "x"}]), "remove value"),
    ("an unknown field", put("spec.swift.intervall", "1m"), 'unknown field "spec.swift.intervall"'),
]
GOOD: list[tuple[str, Edit]] = [
    ("as it stands", put("spec.mode", "Daily")),
    ("a name of 40", put("metadata.name", "a" * 40)),
    ("days", put("spec.store.retention.age", "1d12h")),
    ("windows that touch", put(WINDOWS, [WINDOW, {**LATER, "start": WINDOW["end"]}])),
    ("windows in any order", put(WINDOWS, [{**LATER, "start": WINDOW["end"]}, WINDOW])),
    ("steps of both kinds", put(STEPS, [{"pods": 1}, {"pods": "50%", "hold": "5m"}])),
    ("anything in config", put("spec.model.config", {"hidden": [1, 2], "a": {"b": None, "c": 1.5}})),
    ("an affinity", put(f"{PODS}.affinity", {"nodeAffinity": {"preferredDuringScheduling": []}})),
    ("whole cores as numbers", put(RESOURCES, {"requests": {"cpu": 1}, "limits": {"cpu": "2"}})),
    ("a suffix that compares", put(RESOURCES, {"requests": {"memory": "1Gi"}, "limits": {"memory": "1025Mi"}})),
    ("a learning rate as a number", put("spec.training.learningRate", 1)),
]


def example() -> Node:
    body: Node = yaml.safe_load((ROOT / "manifests/examples/minimal.yaml").read_text())
    return body


@pytest.fixture(scope="module")
def api_server():
    path = kubeconfig()
    if path is None:
        pytest.skip("no cluster: make cluster, or set KUBECONFIG")
    with trial(path) as server:
        yield server


@pytest.mark.e2e
class TestApiServer:
    """The rules, asked where they count."""

    @pytest.mark.parametrize(("edit", "sentence"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
    def test_refuses(self, api_server, edit, sentence):
        body = example()
        edit(body)
        status, message = api_server.create(body)
        assert status in {400, 422}, message
        assert sentence in message

    @pytest.mark.parametrize("edit", [row[1] for row in GOOD], ids=[row[0] for row in GOOD])
    def test_takes(self, api_server, edit):
        body = example()
        edit(body)
        status, message = api_server.create(body)
        assert status == 201, message

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_takes_examples(self, api_server, path):
        status, message = api_server.create(yaml.safe_load(path.read_text()))
        assert status == 201, message

    def test_store_is_fixed_once_a_base_is_served(self, api_server):
        with api_server.stored(example()) as model:
            assert model.patch({"spec": {"store": {"s3": {"bucket": "others"}}}}) == (200, "")
            assert model.patch({"spec": {"store": {"s3": {"bucket": "models"}}}}) == (200, "")
            assert model.patch({"status": {"lineage": {"serving": {"base": 0}}}}, "status") == (200, "")
            for place in ({"bucket": "others"}, {"prefix": "others"}):
                status, message = model.patch({"spec": {"store": {"s3": place}}})
                assert status == 422
                assert "spec.store.s3" in message
                assert "fixed once a base is served" in message
            assert model.patch({"spec": {"store": {"s3": {"endpoint": "http://moved:8333"}}}}) == (200, "")
            assert model.patch({"spec": {"mode": "Promotion"}}) == (200, "")
