"""Where the scripted model is kept: built on first use, found again by the hash of its sources, checked by its own."""

import hashlib
import os
import tempfile
from importlib import metadata
from pathlib import Path

from reference_server.engine.model import ModelError

_SOURCES = ("scripts.py", "template.py", "vocabulary.py", "weights.py", "gguf_file.py")


def folder() -> Path:
    """Name the cache folder: CONFORMANCE_CACHE, or the user's own after the XDG rules."""
    if chosen := os.environ.get("CONFORMANCE_CACHE"):
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "openai-conformance"


def fingerprint() -> str:
    """Hash all that decides the bytes of the model: the scripts and the code that turns them into weights."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    for package in ("gguf", "numpy"):
        digest.update(metadata.version(package).encode())
    return digest.hexdigest()[:16]


def scripted_model() -> Path:
    """Give the path of the scripted model, building it first where it is not there yet, or not whole.

    Raises ModelError where there is no place for it.
    """
    name = f"scripted-{fingerprint()}"
    try:
        kept = (path for path in sorted(folder().glob(f"{name}-*.gguf")) if path.stem == f"{name}-{_digest(path)}")
        return next(kept, None) or _build(folder(), name)
    except (OSError, RuntimeError) as error:  # the second where nobody knows where the user's home is
        reason = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
        hint = "CONFORMANCE_CACHE names another folder"
        raise ModelError(f"cannot keep the scripted model: {reason}; {hint}") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _build(place: Path, name: str) -> Path:
    from reference_server.model import gguf_file  # numpy is slow to import and is needed once only

    place.mkdir(parents=True, exist_ok=True)
    # A folder of its own and a rename, so that two processes may build at once and nobody sees half a file.
    with tempfile.TemporaryDirectory(dir=place) as own:
        built = Path(own) / "built.gguf"
        gguf_file.write(built)
        return built.replace(place / f"{name}-{_digest(built)}.gguf")
