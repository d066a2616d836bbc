"""Break a real fog on this machine at random from a seed, and compare its numbers with the books.

    python -m fog_proving.chaos --duration 120 --seed 7

A nats-server, `fog aggregator` (one, a pair, or tiers: `layout`) and a few processes of nodes (`load`) run, each behind
a proxy of its own. `faults`, drawn by `plan`, break them. `judge` compares while they run, and when it is quiet again.
Nothing here trusts the system under test: every node keeps `books` in a file before it counts.
"""
