"""Name the nodes that have most of a stream."""
