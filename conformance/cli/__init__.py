"""The command line: `conformance lint | list | explain`."""

from conformance.cli.commands import main

__all__ = ["main"]
