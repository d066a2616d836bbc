"""`fog run` and `fog emit`: they start in some ten milliseconds, so they import nothing but what is built in."""
