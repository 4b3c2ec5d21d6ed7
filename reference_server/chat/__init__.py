"""Chat requests: read, checked and refused without any knowledge of the engine."""
