"""A table as TensorFlow tracks it: made on a device, in checkpoints and in SavedModels."""

import tensorflow as tf

from tandem_ops.description import Options
from tandem_ops.native import kernels

# What a TensorFlow checkpoint has of a table.
_COLUMNS = ("keys", "rows", "slots", "steps", "seen")
_LAYOUT = "layout"
_ADMISSION = "admission"


class TrackedTable(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc] # TensorFlow ships no types
    """The table's resource, and what TensorFlow asks of it.

    A SavedModel makes the resource anew from ``options`` where it is loaded, and fills it by the functions below, which
    TensorFlow traces into the graph; so the program that loads it needs the ops and nothing of the program that saved.

    Args:
      options: what the table is described as.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        with tf.init_scope():
            self._resource_handle = self._create_resource()
        self.device: str = self._resource_handle.device

    def _create_resource(self) -> tf.Tensor:
        return kernels.tandem_hash_variable(table_name=self.options.name, description=self.options.text)

    def _serialize_to_tensors(self) -> dict[str, tf.Tensor]:
        columns = kernels.tandem_snapshot(self.resource_handle)
        return {
            **dict(zip(_COLUMNS, columns, strict=True)),
            _LAYOUT: tf.constant([self.options.optimizer.layout]),
            _ADMISSION: kernels.tandem_admission_state(self.resource_handle),
        }

    def _restore_from_tensors(self, restored_tensors: dict[str, tf.Tensor]) -> tf.Operation:
        right = tf.debugging.assert_equal(
            restored_tensors[_LAYOUT],
            [self.options.optimizer.layout],
            f'HashVariable "{self.options.name}": slots in the checkpoint are not those of {self.options.optimizer}',
        )
        counted = restored_tensors[_ADMISSION]
        whole = tf.debugging.assert_equal(
            [kernels.tandem_check_admission(self.resource_handle, counted)],
            [""],
            f'HashVariable "{self.options.name}": the admission state in the checkpoint is not for this rule',
        )
        with tf.control_dependencies([check for check in (right, whole) if check is not None]):
            done = kernels.tandem_restore(self.resource_handle, *(restored_tensors[name] for name in _COLUMNS))
        with tf.control_dependencies([] if done is None else [done]):
            return kernels.tandem_load_admission(self.resource_handle, counted)
