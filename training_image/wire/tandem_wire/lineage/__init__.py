"""From a base and its log to the state that a pod serves or a trainer goes on from."""

from tandem_wire.lineage.follower import Follower, Refusal, Step
from tandem_wire.lineage.rebuilding import rebuild
from tandem_wire.lineage.rows import Rows
from tandem_wire.lineage.serving import ServingState, apply, load_base
from tandem_wire.lineage.training import TrainedTable, TrainingState, restore_training

__all__ = [
    "Follower",
    "Refusal",
    "Rows",
    "ServingState",
    "Step",
    "TrainedTable",
    "TrainingState",
    "apply",
    "load_base",
    "rebuild",
    "restore_training",
]
