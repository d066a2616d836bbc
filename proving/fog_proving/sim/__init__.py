"""A whole fog in one process, under a seeded scheduler and a fake clock: what proves the rules of the wire.

    python -m fog_proving.sim --histories 5000
    python -m fog_proving.sim --seed 1 --history 417 --trace

The real collectors, writers, codec, state, checkpoints and exports; a stream that may do whatever JetStream was seen
to do; and books of what was counted, which are kept outside of all that. docs/simulation.md tells more.
"""
