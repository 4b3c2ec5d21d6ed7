"""The engine: several texts at once on one llama.cpp context, with one thread that owns it."""
