"""What users may say of the pods that Tandem makes for them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from tandem_operator.api.scalars import ObjectName, Quantity, Value, rules

LabelValue = Annotated[str, Field(max_length=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")]
Strings = Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=64)]
Labels = Annotated[dict[str, LabelValue], Field(max_length=64)]
Quantities = Annotated[dict[str, Quantity], Field(max_length=16)]


class Resources(Value):
    """Compute resources of one container, as in any pod."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                (
                    "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || "
                    "quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)"
                ),
                "a request must not be more than its limit: raise the limit or lower the request",
            )
        )
    )

    requests: Quantities = Field(default={}, description='What the scheduler reserves, as {cpu: "1", memory: 2Gi}.')
    limits: Quantities = Field(default={}, description="What the container may use at most, as {memory: 4Gi}.")


class Toleration(Value):
    """A taint of nodes that these pods put up with."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.operator == 'Exists' || has(self.key)", "give key, or operator Exists for every taint"),
            ("self.operator == 'Equal' || !has(self.value)", "operator Exists takes any value: remove value"),
            (
                "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
                "tolerationSeconds needs effect NoExecute",
            ),
        )
    )

    key: str | None = Field(
        default=None, max_length=317, description="The taint's key; without one, with operator Exists, every taint."
    )
    operator: Literal["Exists", "Equal"] = Field(
        default="Equal", description="Equal compares the value, Exists takes any."
    )
    value: str | None = Field(default=None, max_length=63, description="The taint's value; only with operator Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The taint's effect; without one, all."
    )
    toleration_seconds: int | None = Field(
        default=None,
        ge=0,
        description="With effect NoExecute: how long a pod stays after the taint appears; without one, for ever.",
    )


class LocalReference(Value):
    """The name of an object in the same namespace."""

    name: ObjectName = Field(description="Name of the object.")


class KeyReference(Value):
    """One key of a Secret or ConfigMap in the same namespace."""

    name: ObjectName = Field(description="Name of the Secret or ConfigMap.")
    key: str = Field(min_length=1, max_length=253, description="The key in it.")


class EnvSource(Value):
    """Where the value of an environment variable comes from."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.secretKeyRef) != has(self.configMapKeyRef)",
                "give exactly one of secretKeyRef and configMapKeyRef",
            )
        )
    )

    secret_key_ref: KeyReference | None = Field(default=None, description="A key of a Secret.")
    config_map_key_ref: KeyReference | None = Field(default=None, description="A key of a ConfigMap.")


class EnvVar(Value):
    """An environment variable of the container."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.value) && has(self.valueFrom))", "give value or valueFrom, not both"),
            (
                "!self.name.startsWith('TANDEM_') && self.name != 'POD_NAME'",
                "names that begin with TANDEM_, and POD_NAME, are Tandem's own: choose another name",
            ),
            (
                "!(self.name in ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])",
                "keys of the store come from spec.store.s3.credentialsSecret: name the Secret there",
            ),
        )
    )

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128, description="Name of the variable.")
    value: str | None = Field(default=None, max_length=4096, description="Its value; secrets belong into valueFrom.")
    value_from: EnvSource | None = Field(default=None, description="A key of a Secret or ConfigMap instead of a value.")


class PodTemplate(Value):
    """What is added to the pods; containers, commands, ports, probes and security settings are Tandem's own."""

    labels: Labels = Field(
        default={}, description="Labels of the pods, as a queue's name for Kueue; tandem.dev/ labels win over these."
    )
    annotations: Strings = Field(default={}, description="Annotations of the pods.")
    node_selector: Labels = Field(default={}, description="Labels that a node must carry.")
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = Field(
        default=(), description="Taints of nodes that the pods put up with."
    )
    affinity: dict[str, JsonValue] | None = Field(
        default=None, description="Affinity of the pods, as in any pod's spec.affinity."
    )
    priority_class_name: ObjectName | None = Field(default=None, description="PriorityClass of the pods.")
    service_account_name: ObjectName | None = Field(
        default=None,
        description="ServiceAccount of the pods: a cloud identity that may take the place of a credentials secret.",
    )
    image_pull_secrets: Annotated[tuple[LocalReference, ...], Field(max_length=8)] = Field(
        default=(), description="Secrets for pulling the images."
    )
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64)] = Field(
        default=(),
        description="Environment variables of the container, beside Tandem's own.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
