"""Remember epochs that were closed."""
