"""The agent, without a bus."""
