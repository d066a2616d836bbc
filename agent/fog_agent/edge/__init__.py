"""The loops, threads and signals around the core."""
