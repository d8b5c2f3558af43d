"""Everything that needs a real cluster, store or broker: bringing them up, images, the demo and its checks."""
