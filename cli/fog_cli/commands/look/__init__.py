"""The commands that show a fleet."""
