"""Rules and alerts."""
