"""The HTTP layer: what goes over the wire, and nothing about how texts are made."""
