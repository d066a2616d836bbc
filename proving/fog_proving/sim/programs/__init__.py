"""Parts of a simulated program: its metrics, and what it leaves when it is killed."""
