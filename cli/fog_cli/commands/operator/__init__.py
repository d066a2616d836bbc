"""Subcommands for an operator: commands to the aggregators by the control stream, and logins."""
