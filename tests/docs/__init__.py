"""The documentation: its contents, its site, and what its pages print."""
