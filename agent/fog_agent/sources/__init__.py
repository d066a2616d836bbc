"""Where a node's numbers come from, beside the program's own collector."""
