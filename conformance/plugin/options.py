"""The command line options."""

from __future__ import annotations

import pytest

TARGET_TEXTS = (
    ("--target-url", "URL", "examine the server with this base URL, such as http://127.0.0.1:8000/v1"),
    (
        "--target",
        "NAME",
        "start this server, examine it, and stop it: reference, llama-cpp-python, llama-server, "
        "fault:NAME, replay:FILE",
    ),
    ("--target-command", "COMMAND", "how to start what --target names, if it is not where it is expected"),
    ("--target-model", "MODEL", "the model to ask (default: the only one that the server lists)"),
    ("--target-api-key-env", "VARIABLE", "environment variable that holds the API key (default: TARGET_API_KEY)"),
    ("--target-body", "JSON", "an object merged into the body of every request"),
    ("--target-ca", "FILE", "certificates to trust instead of the well-known authorities"),
    ("--target-proxy", "URL", "proxy to go through; those of the environment are not used"),
)
CONFORMANCE_TEXTS = (
    ("--conformance-profile", "NAME|FILE", "which requirements count how much: compat (default), strict, or a file"),
    (
        "--conformance-fail-on",
        "OUTCOMES",
        "outcomes that fail the run too: advised, not-exercised, unsupported, separated by commas",
    ),
    ("--conformance-report", "FOLDER", "where to write the report (default: conformance-report)"),
)


def add_options(parser: pytest.Parser) -> None:
    """Add all options to pytest's own."""
    group = parser.getgroup("conformance", "conformance of OpenAI-compatible servers")
    for flag, kind, text in (*TARGET_TEXTS, *CONFORMANCE_TEXTS):
        group.addoption(flag, metavar=kind, help=text)
    group.addoption(
        "--target-header",
        metavar="HEADER",
        action="append",
        default=[],
        help="header of every request: 'Name: value', or 'Name: env:VARIABLE'",
    )
    group.addoption(
        "--target-allow-http-key",
        action="store_true",
        help="send the API key over plain http to another machine",
    )
    group.addoption("--target-timeout", metavar="SECONDS", type=float, help="longest wait for an answer (default: 120)")
    group.addoption(
        "--target-idle-timeout",
        metavar="SECONDS",
        type=float,
        help="longest silence within an answer (default: 30, and 90 until an answer has been given up on)",
    )
    group.addoption("--target-concurrency", metavar="N", type=int, help="requests at a time (default: 4)")
    group.addoption("--conformance-max-requests", metavar="N", type=int, help="send no more requests than this")
    group.addoption("--conformance-list", action="store_true", help="print the requirements and their levels, and stop")
