"""Everything that needs a real cluster, store or broker: bringing them up, the images, the demo and the checks on it."""
