"""The picture in ARCHITECTURE.md holds: imports point one way, modules fit their budget, packages are complete."""

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "conformance"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Layer by layer: a module may import from its own layer and from those before it.
LAYERS = [
    {"__init__"},
    {"transcript", "json_text", "sse", "warrant", "coding", "redact"},
    {"refusal"},
    {"place", "features", "schema"},
    {"views", "shapes"},
    {"exchange", "second_look"},
    {"reading"},
    {"requirement", "mutation", "goldens"},
    {"requirements", "profile", "profiles"},
    {"judge"},
    {"report"},
    {"plugin", "__main__", "cli"},
]
# The way to a target: it knows transcripts, and nothing of what is judged in them.
RECORDING = {"target", "discovery", "negotiation", "probe", "probes", "record"}
BEFORE_RECORDING = {"__init__", "transcript", "json_text", "features", "coding", "redact", "refusal"}
PURE = {
    "transcript",
    "sse",
    "json_text",
    "schema",
    "views",
    "requirement",
    "requirements",
    "judge",
    "warrant",
    "place",
    "second_look",
}
IMPURE_LIBRARIES = {"asyncio", "httpx", "socket", "ssl", "threading", "time", "pytest", "random", "subprocess"}


def part(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "conformance":
                yield from (f"conformance.{alias.name}" for alias in node.names)
            elif node.module:
                yield node.module


def own_imports(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports(path) if name.startswith("conformance.")}
    return {"__init__" if name == "__version__" else name for name in names}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    name = part(path)
    if name == "plugin":
        return  # the plugin is where everything meets
    if name in RECORDING:
        assert own_imports(path) <= RECORDING | BEFORE_RECORDING
        return
    [level] = [i for i, layer in enumerate(LAYERS) if name in layer] or pytest.fail(f"{name} is in no layer")
    assert own_imports(path) <= set().union(*LAYERS[: level + 1])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_knows_no_network_no_clock_and_no_pytest(path: Path) -> None:
    used = {name.split(".")[0] for name in imports(path)}
    if part(path) in PURE:
        assert used.isdisjoint(IMPURE_LIBRARIES)
    if part(path) != "plugin":
        assert "pytest" not in used
    if part(path) not in {"plugin", "record", "target", "discovery"}:
        assert "httpx" not in used
    assert "reference_server" not in used or part(path) == "plugin"


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_above_its_budget() -> None:
    files = [*MODULES, *(ROOT / "reference_server").rglob("*.py")]
    assert {str(path): lines(path) for path in files if lines(path) > 400} == {}
    assert {str(path): lines(path) for path in files if "plugin" in path.parts and lines(path) > 250} == {}
    assert statistics.median(lines(path) for path in files if "requirements" not in path.parts) <= 120


def test_a_requirement_fits_on_a_screen() -> None:
    import conformance.requirements  # noqa: F401 - fills the registry
    from conformance.requirement import REGISTRY

    for requirement in REGISTRY.requirements.values():
        source = ast.parse(Path(requirement.check.__code__.co_filename).read_text(encoding="utf-8"))
        [function] = [
            n for n in ast.walk(source) if isinstance(n, ast.FunctionDef) and n.name == requirement.check.__name__
        ]
        docstring = function.body[0].end_lineno
        assert docstring is not None
        assert function.end_lineno is not None
        assert function.end_lineno - docstring <= 15, requirement.id


def test_no_module_has_a_name_that_says_nothing() -> None:
    folders = [PACKAGE, ROOT / "reference_server", ROOT / "tests", ROOT / "benchmarks"]
    names = {path.stem for folder in folders for path in folder.rglob("*.py")}
    assert names.isdisjoint({"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"})


def test_the_distribution_has_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {init.parent for top in ("conformance", "reference_server") for init in (ROOT / top).rglob("__init__.py")}
    packages = {".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"conformance.schemas"}
    assert set(project["tool"]["setuptools"]["packages"]) == packages


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    commands = re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in ci if line.startswith("python3 -m venv")] == commands


def test_the_versions_agree() -> None:
    from conformance import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == __version__
