"""Sources on a node: their file, and each kind."""
