"""Apply what kernels can merge: plain deltas, which a fleet sends nearly always."""
