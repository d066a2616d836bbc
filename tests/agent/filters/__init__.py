"""Filters of an agent: the rules, and what is sent."""
