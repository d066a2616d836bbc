"""Ask the aggregators of branches what only they know."""
