"""The wire contract of the fog: paths, subjects, frames, their codec and their limits."""
