"""Let people in over HTTP: credentials in a file, and for each the part of the tree that it shows."""
