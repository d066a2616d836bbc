"""Begin with the checkpoint of another aggregator of the same subtree, so that both agree from the start."""
