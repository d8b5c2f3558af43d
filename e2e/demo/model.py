"""The OnlineModel of the demonstration: short durations, so that a cycle takes a minute instead of hours."""

from dataclasses import dataclass

from e2e.demo.kube import Json

CLICKS, ORDERS = "click", "order"
FREEZING = ("user_id", "item_id", "query")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    Attributes:
      name: of the OnlineModel, and the name it is served under.
      bootstrap: seconds of the first training.
      swap_every: seconds from one full base to the next.
      swift: seconds from one swift update to the next.
      keyframe_every: updates from one keyframe to the next.
      replicas: serving pods.
      handoff: Overlap or Pause.
      freshness_target: seconds; answers staler than this break the demonstration's promise.
      clicks: the Kafka topic.
      orders: the prefix of segments in the bucket of samples.
    """

    name: str = "search"
    bootstrap: int = 30
    swap_every: int = 50
    swift: int = 3
    keyframe_every: int = 10
    replicas: int = 2
    handoff: str = "Overlap"
    freshness_target: int = 60
    clicks: str = "clicks"
    orders: str = "orders/"


def online_model(plan: Plan) -> Json:
    """The resource."""
    small = {"requests": {"cpu": "50m", "memory": "512Mi"}, "limits": {"memory": "3Gi"}}
    return {
        "apiVersion": "tandem.dev/v1alpha1",
        "kind": "OnlineModel",
        "metadata": {"name": plan.name},
        "spec": {
            "mode": "Promotion",
            "model": {
                "entrypoint": "tandem_training.models.ctr_cvr:build",
                "config": {"embeddingDim": 8, "hidden": [48, 24]},
            },
            "weights": {"freezing": list(FREEZING)},
            "streams": [
                {
                    "name": CLICKS,
                    "task": "ctr",
                    "kafka": {"bootstrapServers": "kafka:9092", "topic": plan.clicks},
                    "maxOutOfOrder": "1s",
                    "idleAfter": "10s",
                },
                {
                    "name": ORDERS,
                    "task": "cvr",
                    "segments": {"prefix": f"s3://samples/{plan.orders}"},
                    "maxOutOfOrder": "1s",
                    "idleAfter": "10s",
                },
            ],
            "store": {
                "s3": {"bucket": "models", "endpoint": "http://s3:8333", "credentialsSecret": "s3-credentials"},
                # Every base that was served is still there when its answers are computed again.
                "retention": {"bases": 50},
            },
            "bootstrap": {"duration": f"{plan.bootstrap}s"},
            "training": {
                "batchSize": 64,
                "learningRate": 0.01,
                "optimizer": {"name": "Adam"},
                "resources": small,
                "template": {"env": [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"}]},
            },
            "swift": {"interval": f"{plan.swift}s", "keyframeEvery": plan.keyframe_every},
            "promotion": {"swapEvery": f"{plan.swap_every}s", "handoff": plan.handoff},
            "serving": {
                "replicas": plan.replicas,
                "resources": small,
                "template": {"env": [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"}]},
            },
            "monitoring": {"freshnessTarget": f"{plan.freshness_target}s", "window": "30s"},
        },
    }
