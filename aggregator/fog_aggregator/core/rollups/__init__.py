"""Turn the values of slots into those of cells: the plan of it, run by run, and the reductions. Pure."""
