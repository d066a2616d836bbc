"""Contributions, distances and the way down to what explains a change."""
