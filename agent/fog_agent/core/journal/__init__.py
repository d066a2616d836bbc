"""A writer's epoch beyond its process: the notes that it takes, and how another process ends it."""
