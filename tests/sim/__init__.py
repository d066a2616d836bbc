"""The simulator, and with it every rule of the wire."""
