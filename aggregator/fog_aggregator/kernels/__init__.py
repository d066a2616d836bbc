"""The arithmetic that costs an aggregator most: pure functions on arrays, compiled where numba is installed.

`choice` names what may be chosen, `load` makes it, `ports` says what the kernels are. The modules of `compiled` are
imported where numba is chosen, and never else. Without them numpy does the same work call by call.
"""
