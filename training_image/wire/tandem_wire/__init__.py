"""Store layout, manifests, logs and codecs."""
