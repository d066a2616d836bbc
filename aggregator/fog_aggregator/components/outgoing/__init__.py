"""Send the fleet's numbers to the receivers of others, step by step from the history."""
