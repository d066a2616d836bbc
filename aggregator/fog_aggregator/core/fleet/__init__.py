"""All that was read of a fleet, in small parts that save themselves."""
