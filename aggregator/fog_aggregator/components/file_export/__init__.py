"""Write the fleet to files, beside serving it."""
