"""Settings of all tests."""

import os

from hypothesis import HealthCheck, settings

# No test depends on the speed of the machine. What continuous integration draws is the same every time, so that it
# fails for changes only; runs by hand look further.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=list(HealthCheck), derandomize="CI" in os.environ
)
settings.load_profile("suite")
