"""Share a set-up. Fixtures (`fog_nats`, …) come from the package's own pytest plugin, as a user's would."""

import os
import signal

from hypothesis import settings

# In the background of a shell and under nohup these are ignored, and every child of a test would inherit that.
for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)

# How long an example takes says more about the machine than about the code.
settings.register_profile("fog", deadline=None)
settings.load_profile("fog")

# Aggregators in this process have the kernels where numba is installed. The many processes that tests
# start have none: numba takes each half a second to import, and 120 MB.
os.environ.setdefault("FOG_KERNELS", "numpy")
