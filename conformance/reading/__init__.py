"""Reading: files of many kinds, recognised by what is in them, made into exchanges."""

from conformance.reading.files import read
from conformance.reading.found import Batch, Item, Skipped, Trouble
from conformance.reading.stream import read_stream

__all__ = ["Batch", "Item", "Skipped", "Trouble", "read", "read_stream"]
