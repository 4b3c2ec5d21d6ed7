"""Embeddings: one text, the same text among others, and the two ways to write a vector down."""

from __future__ import annotations

from conformance.probe import Probe

PATH = "/embeddings"
TEXTS = ["Please count to ten, separated by commas.", "Say hello.", "What is the weather in Paris?"]

# Each is to be refused.
REFUSED = (
    Probe("embeddings-empty-text", PATH, json={"input": ""}),
    Probe("embeddings-empty-list", PATH, json={"input": []}),
)
PROBES = (
    Probe("embeddings-one", PATH, json={"input": TEXTS[1]}, group="encodings"),
    Probe("embeddings-batch", PATH, json={"input": TEXTS, "encoding_format": "float"}),
    Probe("embeddings-base64", PATH, json={"input": TEXTS[1], "encoding_format": "base64"}, group="encodings"),
    Probe("embeddings-dimensions", PATH, json={"input": TEXTS[1], "dimensions": 16}),
    Probe("embeddings-token-ids", PATH, json={"input": [[300, 301, 302]]}),
    *REFUSED,
)
