"""Keep the state on disk, so that a restart goes on where the last run ended."""
