"""The manifests of the children, compared with golden files; `UPDATE_GOLDEN=1 pytest` writes them anew."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tandem_operator import children, trainers
from tandem_operator.children import FINGERPRINT, Child
from tandem_wire.config import CallGraphConfig, ServerConfig, TrainerConfig
from tandem_wire.target import Run

from tests.operator.builders import IMAGES, NOW, a_child, b_child, online_model

GOLDEN = Path(__file__).parent / "golden"
SMALL = online_model({"serving": {"replicas": 1}})
RICH = online_model(
    {
        "model": {"image": "registry/own:3", "config": {"embeddingDim": 16, "hidden": [512, 256]}},
        "weights": {"freezing": ["user_id", "item_id"]},
        "training": {
            "resources": {"requests": {"cpu": "2"}, "limits": {"memory": "8Gi"}},
            "optimizer": {"name": "Adam", "l21": 0.01},
            "template": {
                "labels": {"kueue.x-k8s.io/queue-name": "ads", "tandem.dev/role": "mine"},
                "annotations": {"note": 'it\'s "quoted" & <odd>: {{ value }}'},
                "nodeSelector": {"pool": "train"},
                "tolerations": [{"key": "train", "operator": "Exists", "effect": "NoSchedule"}],
                "priorityClassName": "low",
                "serviceAccountName": "trainer",
                "imagePullSecrets": [{"name": "registry"}],
                "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
            },
        },
        "serving": {"replicas": 4, "gpu": {"count": 2, "cudaGraph": {"batchSizes": [1, 8], "exclude": ["odd"]}}},
    }
)


def rendered() -> dict[str, Child]:
    run = Run(17, 18, NOW)
    return {
        "job-a-small": a_child(SMALL, Run(None, 0)),
        "job-a-rich": a_child(RICH, run),
        "job-b-small": b_child(SMALL, 17),
        "deployment-small": children.serving_deployment(SMALL, IMAGES),
        "deployment-rich": children.serving_deployment(RICH, IMAGES),
        "service": children.serving_service(SMALL),
    }


@pytest.mark.parametrize("name", sorted(rendered()))
def test_manifests_are_those_of_the_golden_files(name):
    path = GOLDEN / f"{name}.yaml"
    text = yaml.safe_dump(rendered()[name].manifest, sort_keys=True, width=120)
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def pods() -> list[dict[str, Any]]:
    return [
        child.manifest["spec"]["template"] for name, child in rendered().items() if child.kind in ("Job", "Deployment")
    ]


@pytest.mark.parametrize("pod", pods())
def test_every_pod_passes_the_restricted_standard(pod):
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "tmp" in {mount["name"] for mount in container["volumeMounts"]}


def test_secrets_travel_by_reference_only():
    for pod in pods():
        env = {item["name"]: item for item in pod["spec"]["containers"][0]["env"]}
        for key in children.CREDENTIALS:
            assert env[key] == {"name": key, "valueFrom": {"secretKeyRef": {"name": "s3", "key": key}}}


def test_without_a_secret_the_pods_own_identity_is_used():
    model = online_model({"store": {"s3": {"credentialsSecret": None}}})
    env = children.serving_deployment(model, IMAGES).manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    assert not {item["name"] for item in env} & set(children.CREDENTIALS)


def test_our_labels_win_over_the_users():
    labels = a_child(RICH, Run(None, 0)).manifest["spec"]["template"]["metadata"]["labels"]
    assert labels["tandem.dev/role"] == "a"
    assert labels["kueue.x-k8s.io/queue-name"] == "ads"


def test_text_of_users_arrives_as_it_is():
    pod = a_child(RICH, Run(None, 0)).manifest["spec"]["template"]
    assert pod["metadata"]["annotations"] == {"note": 'it\'s "quoted" & <odd>: {{ value }}'}


def env_of(child: Child, name: str) -> str:
    env = child.manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    return str(next(item["value"] for item in env if item["name"] == name))


def test_trainers_and_servers_can_read_what_they_are_told():
    a = TrainerConfig.from_json(env_of(a_child(RICH, Run(17, 18, NOW)), TrainerConfig.VARIABLE))
    assert (a.number, a.parent, a.due, a.freezing) == (18, 17, NOW, ("user_id", "item_id"))
    assert (a.store.url, a.training.optimizer.params) == ("s3://models/shop/search", {"l21": 0.01})
    server = ServerConfig.from_json(env_of(children.serving_deployment(RICH, IMAGES), ServerConfig.VARIABLE))
    assert (server.served_name, server.batch_sizes, server.cuda_graph) == ("search", (1, 8), True)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, None),
        ({"countInterval": 100}, CallGraphConfig(100, 0.0)),
        ({"timeInterval": "1m30s"}, CallGraphConfig(0, 90.0)),
        ({"countInterval": 7, "timeInterval": "2s"}, CallGraphConfig(7, 2.0)),
    ],
)
def test_servers_are_told_when_to_take_results_anew(asked, expected):
    model = online_model({"serving": {"replicas": 1, "callGraph": asked}})
    server = ServerConfig.from_json(env_of(children.serving_deployment(model, IMAGES), ServerConfig.VARIABLE))
    assert server.call_graph == expected


def test_intervals_without_one_are_refused():
    with pytest.raises(ValueError, match="give countInterval, timeInterval or both"):
        online_model({"serving": {"replicas": 1, "callGraph": {}}})


def test_b_is_rendered_from_what_its_base_was_made_from():
    made = trainers.contract(RICH).to_value()
    config = trainers.trainer_b(SMALL, 17, trainers.contract_of(SMALL, made))
    assert (config.freezing, config.config["embeddingDim"]) == (("user_id", "item_id"), 16)
    assert trainers.waiting_changes(SMALL, made) == ("spec.model.config", "spec.weights.freezing", "spec.training")
    assert trainers.waiting_changes(RICH, made) == ()


def test_a_contract_that_cannot_be_read_falls_back_to_the_spec():
    assert trainers.contract_of(SMALL, {"odd": 1}) == trainers.contract(SMALL)


def test_the_fingerprint_is_of_the_values():
    one, same, other = a_child(SMALL, Run(None, 0)), a_child(online_model(), Run(None, 0)), a_child(RICH, Run(None, 0))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.manifest["metadata"]["annotations"][FINGERPRINT] == one.fingerprint


def test_with_gpus_a_new_pod_takes_the_place_of_an_old_one():
    for model, surge in ((SMALL, 1), (RICH, 0)):
        update = children.serving_deployment(model, IMAGES).manifest["spec"]["strategy"]["rollingUpdate"]
        assert (update["maxSurge"], update["maxUnavailable"]) == (surge, 1 - surge)
