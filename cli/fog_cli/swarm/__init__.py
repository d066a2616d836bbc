"""Thousands of nodes from a few processes: `fog swarm`."""
