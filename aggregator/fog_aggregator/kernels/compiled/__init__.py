"""Kernels for numba. Importing any module here imports numba: `fog_aggregator.kernels.load` does, and nobody else."""
