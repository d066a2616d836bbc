"""What an aggregator does beside reading: each part with its own options and lifecycle."""
