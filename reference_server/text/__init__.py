"""From a model's bytes to what a client may see: whole characters, no stop strings, tool calls apart from prose."""
