"""Where the scripted model is kept: built on first use, found again by the hash of its sources."""

import hashlib
import os
import tempfile
from importlib import metadata
from pathlib import Path

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
    """Give the path of the scripted model, building it first where it is not there yet."""
    path = folder() / f"scripted-{fingerprint()}.gguf"
    if not path.exists():
        _build(path)
    return path


def _build(path: Path) -> None:
    from reference_server.model import gguf_file  # numpy is slow to import and is needed once only

    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own and a rename, so that two processes may build at once and nobody sees half a file.
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        built = Path(place) / path.name
        gguf_file.write(built)
        built.replace(path)
