"""Where queries find their samples: each view of the fleet in the source that keeps it. Pure."""
