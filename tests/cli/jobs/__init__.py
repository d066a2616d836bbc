"""`fog run` and `fog emit`."""
