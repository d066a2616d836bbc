"""Check what must hold once all is healed and quiet."""
