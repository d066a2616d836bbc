"""Proofs of the promises: a seeded simulator and chaos with real processes. Not part of the wheel."""
