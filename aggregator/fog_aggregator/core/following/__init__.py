"""Which streams an engine reads, and how far it has read each. Pure."""
