"""Send the fleet's numbers to receivers of others, pure: what is sent, in which bytes, and what answers mean."""
