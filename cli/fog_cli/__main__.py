"""``python -m fog_cli``: the same as `fog`."""

import sys

from fog_cli.jobs.entry import main

if __name__ == "__main__":
    sys.exit(main())
