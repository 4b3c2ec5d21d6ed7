"""Questions about models."""

from conformance.probe import Probe

LIST = Probe("models", path="/models", method="GET", core=True)

PROBES = (LIST,)
