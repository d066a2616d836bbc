"""Share a set-up. Fixtures (`fog_nats`, …) come from the package's own pytest plugin, as a user's would."""

from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("fog", deadline=None)
settings.load_profile("fog")
