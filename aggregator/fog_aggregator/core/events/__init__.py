"""Hold the newest events of a fleet, packed, and know which numbers of events were seen."""
