"""The commands that run made-up fleets."""
