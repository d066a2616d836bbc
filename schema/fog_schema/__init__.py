"""The wire contract of the fog: paths, subjects, frames, their codec and their limits."""

__version__ = "0.1.0"
