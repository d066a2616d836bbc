"""The chaos suite: a real fog on this machine, broken at random from a seed, and its numbers held against the books.

    python -m fog_proving.chaos --duration 120 --seed 7

What runs: a nats-server, `fog aggregator` (one, a pair, or tiers: `layout`), a few processes of nodes (`load`), each
behind a proxy of its own. What breaks them: `faults`, drawn by `plan`. What is said of them: `judge`, while they run
and when it is quiet again. Nothing of it trusts the system under test: every node keeps `books` in a file before it
counts.
"""
