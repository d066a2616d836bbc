"""Filters of an agent, for people."""
