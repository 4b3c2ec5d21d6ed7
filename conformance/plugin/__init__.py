"""The pytest plugin: `pytest --target-url=http://127.0.0.1:8000/v1` examines a server.

This module is loaded by every run of pytest where the suite is installed, so it imports nothing but pytest until a
target is named.
"""

from __future__ import annotations

import pytest

from conformance.plugin.options import add_options


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer --conformance-list without a session."""
    if not config.option.conformance_list:
        return None
    from conformance.plugin.listing import print_requirements

    return print_requirements(config)


def pytest_configure(config: pytest.Config) -> None:
    """Take part in the run if it names a target."""
    if config.option.target_url or config.option.target:
        from conformance.plugin.session import take_part

        take_part(config)
