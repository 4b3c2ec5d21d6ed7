"""The conformance test suite for OpenAI-compatible servers."""

__version__ = "2026.12.0.dev0"
