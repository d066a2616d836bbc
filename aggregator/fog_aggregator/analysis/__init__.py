"""Which part of the tree a change comes from: contributions, surprise and distance. Pure."""
