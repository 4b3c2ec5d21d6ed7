"""The command line: `conformance lint | list | explain | report`."""

from conformance.cli.commands import main

__all__ = ["main"]
