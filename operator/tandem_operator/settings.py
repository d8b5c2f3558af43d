"""The operator's own settings, from environment variables; read once, at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tandem_operator.children import Images
from tandem_operator.lease import Place


@dataclass(frozen=True, slots=True)
class Settings:
    """How this operator runs."""

    images: Images
    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; empty: all."""
    lease: Place | None = None
    """Without one, this operator works without asking whether another does."""
    port: int = 8080
    workers: int = 10
    log_level: str = "info"
    reports_by_proxy: bool = False
    """Whether pods are asked through the API server, for an operator outside of the cluster's network."""

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Self:
        """Read the environment; what is not set has the chart's default."""
        lease = None
        if env.get("TANDEM_LEASE"):
            identity = env.get("POD_NAME", "outside")
            lease = Place(env.get("POD_NAMESPACE", "default"), env["TANDEM_LEASE"], identity)
        return cls(
            images=Images(
                training=env.get("TANDEM_TRAINING_IMAGE", "tandem-training:latest"),
                serving=env.get("TANDEM_SERVING_IMAGE", "tandem-serving:latest"),
                pull_policy=env.get("TANDEM_IMAGE_PULL_POLICY", "IfNotPresent"),
            ),
            namespaces=tuple(name for name in env.get("TANDEM_WATCH_NAMESPACES", "").split(",") if name),
            lease=lease,
            port=int(env.get("TANDEM_HTTP_PORT", "8080")),
            workers=int(env.get("TANDEM_WORKERS", "10")),
            log_level=env.get("TANDEM_LOG_LEVEL", "info"),
            reports_by_proxy=env.get("TANDEM_POD_REPORTS") == "proxy",
        )
