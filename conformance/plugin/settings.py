"""What the options mean, checked before anything is sent; every mistake is one line and exit code 4."""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.judge import Outcome
from conformance.profile import Profile, ProfileError, load
from conformance.record import HANG, Limits
from conformance.report import OURS
from conformance.target import KEY_VARIABLE, Target, TargetError, parse

FAIL_ON = {
    "advised": Outcome.ADVISED,
    "not-exercised": Outcome.NOT_EXERCISED,
    "unsupported": Outcome.UNSUPPORTED,
    "inconclusive": Outcome.INCONCLUSIVE,
    "broken": Outcome.BROKEN,
}


@dataclass(frozen=True)
class Settings:
    """All that a run needs to know. `launch` names the target to start, else `url` is examined."""

    url: str
    launch: str
    command: str | None
    profile: Profile
    limits: Limits
    folder: Path
    fail_on: frozenset[Outcome]

    def key(self, config: pytest.Config) -> str:
        """Return what a server that is started may ask for: the key that was named, or a new one."""
        target = self.target(config, "http://127.0.0.1/v1")
        named = {name.lower(): value for name, value in target.headers}
        if not named.keys() & {"authorization", "api-key"}:
            return secrets.token_urlsafe(24)
        scheme, _, key = named.get("authorization", "").partition(" ")
        return key if scheme == "Bearer" else ""

    def target(self, config: pytest.Config, url: str, key: str = "") -> Target:
        """Return the target at a base URL; `key` is what a server of ours asks for. Raises pytest.UsageError."""
        option = config.option
        try:
            return parse(
                url,
                environment={**os.environ, KEY_VARIABLE: key} if key else os.environ,
                key_variable=option.target_api_key_env,
                allow_http_key=option.target_allow_http_key,
                headers=option.target_header,
                body=option.target_body or "",
                model=option.target_model or "",
                ca=option.target_ca,
                proxy=option.target_proxy,
            )
        except TargetError as error:
            raise pytest.UsageError(str(error)) from None


def read_settings(config: pytest.Config) -> Settings:
    """Return the settings of a run; raises pytest.UsageError."""
    option = config.option
    if option.target_url and option.target:
        raise pytest.UsageError("--target-url and --target are two targets: name one")
    if getattr(option, "numprocesses", None) or getattr(option, "tx", None) or hasattr(config, "workerinput"):
        raise pytest.UsageError("a conformance run records once and judges at once: leave out -n")
    settings = Settings(
        url=option.target_url or "",
        launch=option.target or "",
        command=option.target_command,
        profile=read_profile(config),
        limits=_limits(config),
        folder=config.invocation_params.dir / (option.conformance_report or "conformance-report"),
        fail_on=_outcomes(option.conformance_fail_on or ""),
    )
    if settings.url:
        settings.target(config, settings.url)  # its mistakes are known before anything is collected
    return settings


def read_profile(config: pytest.Config) -> Profile:
    """Return the profile; raises pytest.UsageError."""
    try:
        return load(config.option.conformance_profile or "compat")
    except ProfileError as error:
        raise pytest.UsageError(f"--conformance-profile: {error}") from None


def check_folder(folder: Path) -> None:
    """Raise pytest.UsageError where the report could not be written."""
    try:
        if folder.exists() and not {entry.name for entry in folder.iterdir()} <= OURS:
            raise FileExistsError(errno.EEXIST, "it holds other files than a report")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".conformance-"):
            pass
    except OSError as error:
        cause = error.strerror or str(error)
        raise pytest.UsageError(
            f"the report cannot be written to {folder} ({cause}): name another with --conformance-report=FOLDER"
        ) from None


def _limits(config: pytest.Config) -> Limits:
    option, default = config.option, Limits()
    for flag in ("timeout", "idle_timeout", "concurrency"):
        value = getattr(option, f"target_{flag}")
        if value is not None and not value > 0:
            raise pytest.UsageError(f"--target-{flag.replace('_', '-')} is more than 0")
    if option.conformance_max_requests is not None and option.conformance_max_requests < 1:
        raise pytest.UsageError("--conformance-max-requests is more than 0")
    total = option.target_timeout or default.total
    return Limits(
        connect=min(default.connect, total),
        first=min(default.first, total) if option.target_timeout is None else total,
        idle=option.target_idle_timeout or min(default.idle, total),
        hang=0.0 if option.target_idle_timeout else HANG,
        total=total,
        requests=option.conformance_max_requests,
        at_once=option.target_concurrency or default.at_once,
    )


def _outcomes(names: str) -> frozenset[Outcome]:
    found = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in found if name not in FAIL_ON]:
        raise pytest.UsageError(f"--conformance-fail-on={unknown[0]}: it takes {', '.join(FAIL_ON)}")
    return frozenset(FAIL_ON[name] for name in found)
