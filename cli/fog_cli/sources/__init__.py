"""A node's file of sources: checked, and read by `fog agent`."""
