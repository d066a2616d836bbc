"""A directory of files in the text format, as node_exporter reads it: what scripts leave there is sent."""
