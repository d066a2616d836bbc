"""The past of nodes, read from their stream: stored frames go through the same core again. Pure."""
