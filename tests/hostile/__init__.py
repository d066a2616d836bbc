"""Attacks of one path, one login and strangers: nobody else's numbers change, nobody else's names are shown."""
