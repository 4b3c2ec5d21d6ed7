"""The reference server: OpenAI's chat API over llama.cpp, as the conformance suite wants it."""
