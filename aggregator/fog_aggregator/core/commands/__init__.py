"""Do what operators command that concerns the fleet: each command when all that was stored before it is read."""
