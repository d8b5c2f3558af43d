"""Set before TensorFlow is imported: no warning for each malformed sample, and the same bits on every CPU."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
