"""A whole fog on this machine: `fog demo`."""
