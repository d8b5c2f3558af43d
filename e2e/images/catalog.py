"""Which images there are and what each is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.identity import REPOSITORY
from e2e.images import kafka_jars

HERE = Path(__file__).parent
# Part of every image's name in a registry; a change here keeps two incompatible sets apart.
TAG = "dev"


@dataclass(frozen=True, slots=True)
class Image:
    """One image that can be built.

    Attributes:
      name: what it is called in a registry.
      dockerfile: its recipe.
      context: the folder that the recipe's COPY lines see.
      prepare: makes what the recipe needs beside its context, and returns the folder.
      extra: the name under which the recipe knows that folder (``COPY --from=NAME``).
    """

    name: str
    dockerfile: Path
    context: Path
    prepare: Callable[[], Path] | None = None
    extra: str = ""


SERVICES = (
    Image("seaweedfs", HERE / "seaweedfs" / "Dockerfile", HERE / "seaweedfs"),
    Image("kafka", HERE / "kafka" / "Dockerfile", HERE / "kafka", kafka_jars.obtain, "jars"),
)
OURS = tuple(
    Image(f"tandem-{part}", REPOSITORY / folder / "Dockerfile", REPOSITORY)
    for part, folder in (("operator", "operator"), ("training", "training_image"), ("serving", "serving_image"))
)
IMAGES = {image.name: image for image in (*SERVICES, *OURS)}
