"""A user's program as a type checker sees it."""
