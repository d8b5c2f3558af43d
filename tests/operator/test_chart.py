import json
import subprocess
from typing import Any

import jsonschema
import pytest
import yaml
from tandem_operator.api import GROUP, PLURAL
from tandem_operator.crd import crd
from tandem_operator.settings import Settings

from tests.operator.helm import CHART, helm, render

needs_helm = pytest.mark.skipif(helm() is None, reason="no helm: make cluster builds one")
Json = dict[str, Any]
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DIGEST = "sha256:" + "0" * 64


def only(documents: list[Json], kind: str, name: str) -> Json:
    found = [one for one in documents if one["kind"] == kind and one["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def allowed(rules: list[Json]) -> dict[str, set[str]]:
    """Verbs by `resource.group`; rules that name objects are left out."""
    verbs: dict[str, set[str]] = {}
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                if "resourceNames" not in rule:
                    verbs.setdefault(f"{resource}.{group}".rstrip("."), set()).update(rule["verbs"])
    return verbs


def container(documents: list[Json]) -> Json:
    spec = only(documents, "Deployment", "tandem-operator")["spec"]["template"]["spec"]
    first: Json = spec["containers"][0]
    return first


def env(documents: list[Json]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container(documents)["env"]}


def test_default_values_hold():
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"imagee": {}}, id="a misspelt value"),
        pytest.param({"image": {**VALUES["image"], "registri": ""}}, id="a misspelt part of one"),
        pytest.param({"image": {**VALUES["image"], "pullPolicy": "Sometimes"}}, id="a pull policy that is none"),
        pytest.param(
            {"image": {**VALUES["image"], "operator": {"repository": "Tandem"}}}, id="capitals in a repository"
        ),
        pytest.param(
            {"image": {**VALUES["image"], "serving": {"repository": "a", "digest": "sha256:12"}}}, id="half a digest"
        ),
        pytest.param({"watchNamespaces": "shop"}, id="a string for a list"),
        pytest.param({"watchNamespaces": ["shop", "shop"]}, id="a namespace twice"),
        pytest.param({"logLevel": "loud"}, id="a log level that is none"),
        pytest.param({"crds": {"install": "yes"}}, id="a word for a boolean"),
        pytest.param({"env": [{"name": "TANDEM_LEASE", "value": "x"}]}, id="a variable of the chart's own"),
    ],
)
def test_bad_values_are_refused(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**VALUES, **change}, SCHEMA)


def test_every_value_is_explained():
    described = set(SCHEMA["properties"]) - {"global"}
    assert set(VALUES) == described


def test_no_template_asks_for_everything():
    for path in sorted((CHART / "templates").glob("*.yaml")):
        if path.name != "crd.yaml":
            assert "*" not in path.read_text().replace("/* ", "").replace(" */", ""), path.name


@needs_helm
class TestRendered:
    def test_lint(self):
        lint = [str(helm()), "lint", "--strict", str(CHART)]
        done = subprocess.run(lint, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout

    def test_helm_refuses_bad_values(self):
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            render("--set", "image.registri=x")
        assert "registri" in refusal.value.stderr

    def test_crd_is_the_generated_one_and_stays(self):
        found = only(render(), "CustomResourceDefinition", f"{PLURAL}.{GROUP}")
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert found["spec"] == crd()["spec"]

    def test_crd_may_be_left_out(self):
        assert not [one for one in render("--set", "crds.install=false") if one["kind"] == "CustomResourceDefinition"]

    def test_rights_are_exactly_these(self):
        documents = render()
        assert allowed(only(documents, "ClusterRole", "tandem-operator")["rules"]) == {
            "onlinemodels.tandem.dev": {"get", "list", "watch", "patch"},
            "onlinemodels/status.tandem.dev": {"get", "patch"},
            "onlinemodels/finalizers.tandem.dev": {"update"},
            "jobs.batch": {"get", "list", "watch", "create", "patch", "delete"},
            "deployments.apps": {"get", "list", "watch", "create", "patch"},
            "services": {"get", "list", "watch", "create", "patch"},
            "pods": {"get", "list", "watch"},
            "secrets": {"get"},
            "events": {"create", "patch"},
            "events.events.k8s.io": {"create", "patch"},
        }
        wide = only(documents, "ClusterRole", "tandem-operator-cluster")["rules"]
        assert wide == [
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}
        ]
        assert allowed(only(documents, "Role", "tandem-operator")["rules"]) == {
            "leases.coordination.k8s.io": {"create"}
        }

    def test_all_namespaces_by_default(self):
        documents = render()
        only(documents, "ClusterRoleBinding", "tandem-operator")
        assert {one["metadata"]["name"] for one in documents if one["kind"] == "RoleBinding"} == {
            "tandem-operator-lease"
        }

    def test_watched_namespaces_bound_one_by_one(self):
        documents = render("--set", "watchNamespaces={shop,ads}")
        bindings = [one["metadata"] for one in documents if one["kind"] == "RoleBinding"]
        assert {one["namespace"] for one in bindings if one["name"] == "tandem-operator"} == {"shop", "ads"}
        wide = [one["metadata"]["name"] for one in documents if one["kind"] == "ClusterRoleBinding"]
        assert wide == ["tandem-operator-cluster"]
        assert env(documents)["TANDEM_WATCH_NAMESPACES"] == "shop,ads"

    def test_pod_is_restricted(self):
        spec = only(render(), "Deployment", "tandem-operator")["spec"]
        pod = spec["template"]["spec"]
        assert spec["strategy"] == {"type": "Recreate"}
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {volume["name"]: volume["emptyDir"] for volume in pod["volumes"]} == {"tmp": {}}

    @pytest.mark.parametrize(
        ("words", "images"),
        [
            pytest.param((), ("tandem-operator:0.1.0", "tandem-training:0.1.0", "tandem-serving:0.1.0"), id="defaults"),
            pytest.param(
                ("--set", "image.registry=r:5000/x/,image.tag=dev,image.training.tag=t2"),
                ("r:5000/x/tandem-operator:dev", "r:5000/x/tandem-training:t2", "r:5000/x/tandem-serving:dev"),
                id="registry and tags",
            ),
            pytest.param(
                ("--set", f"image.serving.repository=r:5000/s,image.serving.digest={DIGEST},image.tag=dev"),
                ("tandem-operator:dev", "tandem-training:dev", f"r:5000/s@{DIGEST}"),
                id="a digest",
            ),
        ],
    )
    def test_images(self, words, images):
        documents = render(*words)
        said = env(documents)
        assert (container(documents)["image"], said["TANDEM_TRAINING_IMAGE"], said["TANDEM_SERVING_IMAGE"]) == images

    def test_operator_reads_what_the_chart_says(self):
        said = env(render("--set", "watchNamespaces={shop},logLevel=debug,image.pullPolicy=Always"))
        settings = Settings.of({**said, "POD_NAME": "p", "POD_NAMESPACE": "tandem-system"})
        assert settings.namespaces == ("shop",)
        assert settings.log_level == "debug"
        assert settings.images.pull_policy == "Always"
        assert settings.images.training == "tandem-training:0.1.0"
        assert settings.lease is not None
        assert (settings.lease.namespace, settings.lease.name) == ("tandem-system", "tandem-operator")

    def test_lease_right_names_the_lease(self):
        documents = render()
        rules = only(documents, "Role", "tandem-operator")["rules"]
        assert [rule["resourceNames"] for rule in rules if "resourceNames" in rule] == [
            [env(documents)["TANDEM_LEASE"]]
        ]

    def test_probes_ask_the_port_that_is_opened(self):
        found = container(render())
        assert found["ports"] == [{"name": "http", "containerPort": Settings.of({}).port}]
        for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            assert found[probe]["httpGet"] == {"path": path, "port": "http"}
