"""The past of nodes and subtrees."""
