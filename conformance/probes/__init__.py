"""All probes, in the order in which they are sent. To add one, add it to the module of its family."""

from conformance.probe import Probe
from conformance.probes import chat, completions, embeddings, mistakes, models, parameters, sampling, tools

# The first probe goes out alone: it finds out which parameters the model refuses.
PROBES: tuple[Probe, ...] = (
    *chat.PROBES,
    *models.PROBES,
    *mistakes.PROBES,
    *mistakes.KEYS,
    *sampling.PROBES,
    *tools.PROBES,
    *parameters.PROBES,
    *completions.PROBES,
    *embeddings.PROBES,
    *mistakes.LAST,
)

__all__ = ["PROBES"]
