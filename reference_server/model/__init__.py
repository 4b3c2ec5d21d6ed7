"""The scripted model: a small language model written by hand that llama.cpp really runs."""

from reference_server.model.cache import scripted_model

__all__ = ["scripted_model"]
