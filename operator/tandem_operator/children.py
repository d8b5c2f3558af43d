"""From the resource to the manifests of its children: pure; decisions here, form in ``templates/``.

A child carries the fingerprint of the values that it was rendered from (not of the template's text, so that a new
operator does not restart what did not change) in the annotation ``tandem.dev/fingerprint``.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from tandem_wire.config import Role as TrainerRole
from tandem_wire.config import ServerConfig, TrainerConfig

from tandem_operator.api import (
    API_VERSION,
    KIND,
    LABEL_MANAGED_BY,
    LABEL_MODEL,
    LABEL_NUMBER,
    LABEL_ROLE,
    MANAGED_BY,
    OnlineModel,
    PodTemplate,
    Resources,
    Role,
)
from tandem_operator.trainers import server

FINGERPRINT = "tandem.dev/fingerprint"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
TRAINER_GRACE_SECONDS = 60
SERVER_GRACE_SECONDS = 30

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Images:
    """What children run when the spec names no image of its own."""

    training: str
    serving: str
    pull_policy: str = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class Child:
    """A manifest, which nobody changes, and the fingerprint of what it was rendered from."""

    kind: str
    name: str
    fingerprint: str
    manifest: Manifest


def job_name(model: OnlineModel, role: Role, number: int) -> str:
    """Name the Job of a run (role a) or of a lineage (role b)."""
    return f"{model.metadata.name}-{role.value}-{number}"


def serving_name(model: OnlineModel) -> str:
    """Name the Deployment and the Service."""
    return f"{model.metadata.name}-serving"


def trainer_job(model: OnlineModel, config: TrainerConfig, images: Images) -> Child:
    """Render the Job of Model A or B."""
    role = Role.A if config.role is TrainerRole.A else Role.B
    template = model.spec.training.template
    ours = labels(model, role) | {LABEL_NUMBER: str(config.number)}
    values: Manifest = {
        "image": model.spec.model.image or images.training,
        "pull_policy": images.pull_policy,
        "env": [_plain(TrainerConfig.VARIABLE, config.to_json()), *_credentials(model), *_extra_env(template)],
        "resources": _resources(model.spec.training.resources),
        "labels": ours,
        "pod_labels": {**template.labels, **ours},
        "pod_annotations": dict(template.annotations),
        "grace_seconds": TRAINER_GRACE_SECONDS,
    }
    return _child("Job", job_name(model, role, config.number), model, values, template)


def serving_deployment(model: OnlineModel, images: Images) -> Child:
    """Render the Deployment of the serving pods.

    With GPUs a new pod takes the place of an old one, since a spare GPU cannot be counted on; without, it comes first.
    """
    spec = model.spec.serving
    ours = labels(model, Role.SERVING)
    surge = {"maxUnavailable": 0, "maxSurge": 1} if spec.gpu is None else {"maxUnavailable": 1, "maxSurge": 0}
    resources = _resources(spec.resources)
    if spec.gpu is not None:
        resources = {**resources, "limits": {**resources["limits"], "nvidia.com/gpu": str(spec.gpu.count)}}
    own_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}
    config = _plain(ServerConfig.VARIABLE, server(model).to_json())
    values: Manifest = {
        "replicas": spec.replicas,
        "image": spec.image or images.serving,
        "pull_policy": images.pull_policy,
        "env": [config, own_name, *_credentials(model), *_extra_env(spec.template)],
        "resources": resources,
        "rolling_update": surge,
        "labels": ours,
        "selector": _selector(model),
        "pod_labels": {**spec.template.labels, **ours},
        "pod_annotations": dict(spec.template.annotations),
        "grace_seconds": SERVER_GRACE_SECONDS,
    }
    return _child("Deployment", serving_name(model), model, values, spec.template)


def serving_service(model: OnlineModel) -> Child:
    """Render the Service that clients ask."""
    values: Manifest = {"labels": labels(model, Role.SERVING), "selector": _selector(model)}
    return _child("Service", serving_name(model), model, values, PodTemplate())


def labels(model: OnlineModel, role: Role) -> dict[str, str]:
    """Give the labels that every child carries."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_MODEL: model.metadata.name, LABEL_ROLE: role.value}


def _selector(model: OnlineModel) -> dict[str, str]:
    return {LABEL_MODEL: model.metadata.name, LABEL_ROLE: Role.SERVING.value}


def _child(kind: str, name: str, model: OnlineModel, values: Manifest, template: PodTemplate) -> Child:
    owner = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": model.metadata.name,
        "uid": model.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    whole = {**values, "name": name, "namespace": model.metadata.namespace, "owner": owner}
    return _rendered(kind, json.dumps({"values": whole, "placement": _placement(template)}, sort_keys=True))


@lru_cache(maxsize=1024)
def _rendered(kind: str, text: str) -> Child:
    """Render a child from its values as JSON; the same values are rendered at every look, so the outcome is kept."""
    given = json.loads(text)
    values, place = given["values"], given["placement"]
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    template = _templates().get_template(f"{kind.lower()}.yaml.j2")
    manifest: Manifest = yaml.safe_load(template.render(**values, annotations={FINGERPRINT: fingerprint}))
    if place:
        manifest["spec"]["template"]["spec"].update(place)
    return Child(kind, values["name"], fingerprint, manifest)


def _placement(template: PodTemplate) -> Manifest:
    """Give the fields of a pod's spec that only exist if the user says something."""
    said = template.to_json()
    names = ("nodeSelector", "tolerations", "affinity", "priorityClassName", "serviceAccountName", "imagePullSecrets")
    place = {name: said[name] for name in names if said.get(name)}
    if "serviceAccountName" in place:
        # A cloud identity is given to the pod as a token of its service account.
        place["automountServiceAccountToken"] = True
    return place


def _plain(name: str, value: str) -> Manifest:
    return {"name": name, "value": value}


def _credentials(model: OnlineModel) -> list[Manifest]:
    secret = model.spec.store.s3.credentials_secret
    if secret is None:
        return []
    return [{"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for key in CREDENTIALS]


def _extra_env(template: PodTemplate) -> list[Manifest]:
    return [variable.to_json() for variable in template.env]


def _resources(resources: Resources) -> Manifest:
    return {"requests": dict(resources.requests), "limits": dict(resources.limits)}


@cache
def _templates() -> Environment:
    # The outcome is YAML that is parsed, not HTML; every value goes through tojson.
    return Environment(  # noqa: S701
        loader=PackageLoader("tandem_operator"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
