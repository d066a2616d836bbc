"""How the calls of a publisher are run for the loops that drive it."""
