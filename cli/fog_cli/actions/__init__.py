"""Do the work of the commands. Imported when a command is called: heavy modules are loaded from here."""
