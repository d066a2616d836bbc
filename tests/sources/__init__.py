"""Numbers of other programs, brought in by an agent."""
