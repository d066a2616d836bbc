"""Golden checkpoints and how they were made."""
