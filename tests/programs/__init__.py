"""Real programs in processes of their own, and their counts in a fleet: servers, workers, short jobs."""
