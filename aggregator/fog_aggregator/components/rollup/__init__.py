"""Send a subtree's totals to its parent: to it, an aggregator is just another node."""
