"""The commands of short jobs; without help and files of options `fog_cli.jobs.entry` does their work by itself."""
