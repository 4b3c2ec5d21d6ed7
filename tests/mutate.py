"""Mutation testing of the rules: `python tests/mutate.py order tools usage` flips one condition after the other.

The operators are those of cosmic-ray, and four that it lacks: a dropped yield or return, `in` for `not in`, another
string, another step of the table of order. Only the logic of checks and views is changed: not decorators, annotations,
the words of a finding or the faults. Each mutant lives in a forked process, which reads it instead of the file, so that
no file is touched.
"""

import ast
import importlib.abc
import importlib.util
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

import httpx  # noqa: F401 - what mutants share is imported before the fork
import jsonschema  # noqa: F401
import jsonschema_rs  # noqa: F401
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).parents[1]
FAMILIES = {
    "order": ["requirements/order.py", "views/choice.py"],
    "tools": ["requirements/tools.py", "requirements/tool_arguments.py", "requirements/tool_use.py"],
    "usage": ["requirements/usage.py"],
}
COMPARISONS = "Gt_GtE Gt_LtE Gt_NotEq GtE_Gt GtE_Lt Lt_LtE Lt_GtE LtE_Lt LtE_Gt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is"
OPERATORS = [
    *(f"ReplaceComparisonOperator_{change}" for change in COMPARISONS.split()),
    *(f"ReplaceBinaryOperator_{change}" for change in ("Add_Sub", "Sub_Add", "Mul_Add", "Div_Mul", "FloorDiv_Mul")),
    *("AddNot", "NumberReplacer", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse"),
    *("ReplaceFalseWithTrue", "ReplaceUnaryOperator_Delete_Not", "ReplaceBreakWithContinue", "ZeroIterationForLoop"),
]
PHASES = ("start", "open", "finished")
UNIT = sorted(map(str, (ROOT / "tests" / "unit").glob("test_rules_*.py")))
RUNS = (
    [*UNIT, "tests/zoo/test_zoo.py::test_a_fault_trips_exactly_what_it_names", "tests/zoo/test_guards.py"],
    ["tests/zoo/test_zoo.py", "tests/bugs", "tests/clients"],
)
QUIET = ["-x", "-q", "-p", "no:cacheprovider"]
SECONDS = 60.0

Span = tuple[tuple[int, int], tuple[int, int]]


def span(node: ast.AST) -> Span:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def within(inner: Span, outers: list[Span]) -> bool:
    return any(outer[0] <= inner[0] and inner[1] <= outer[1] for outer in outers)


def named(functions: dict[str, ast.FunctionDef], some: set[str]) -> set[str]:
    """Return the names that the bodies of some functions use."""
    parts = [part for name in some for part in functions[name].body]
    return {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)}


def logic(tree: ast.Module) -> tuple[list[Span], list[Span]]:
    """Return the spans that a verdict depends on, and those inside them that it does not."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    kinds = {
        name: {mark.func.id for mark in node.decorator_list if isinstance(mark, ast.Call)}
        for name, node in functions.items()
    }
    checks = {name for name in functions if kinds[name] & {"must", "should", "observe"}}
    views = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    constants = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    used, fresh = set(), checks if checks else set(functions)
    while fresh:
        used |= fresh
        fresh = {name for name in named(functions, fresh) & functions.keys() if not kinds[name]} - used
    mentioned = named(functions, used)
    constants = [c for c in constants if views or {getattr(t, "id", "") for t in c.targets} & mentioned]
    outside = [span(n) for node in ast.walk(tree) if isinstance(node, ast.arg) and (n := node.annotation)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            outside += [span(part) for part in node.value.elts[1:]]
        if isinstance(node, ast.AnnAssign):
            outside.append(span(node.annotation))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            outside.append(span(node))
        if isinstance(node, ast.FunctionDef):
            outside += [span(part) for part in (*node.decorator_list, node.returns) if part]
        if isinstance(node, ast.FunctionDef) and node.name == "where":
            outside.append(span(node))
        if isinstance(node, ast.ClassDef):
            outside += [span(part) for part in node.decorator_list]
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            outside += [span(key) for key in node.value.keys if key]
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("expected", "least", "_LEGAL"):
            outside.append(span(node))
    return [span(functions[name]) for name in used] + [span(node) for node in (*views, *constants)], outside


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the change and the whole text of every mutant."""
    tree = ast.parse(source)
    inside, outside = logic(tree)
    parsed = list(ast_nodes(get_ast(source)))
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        places = [place for node in parsed for place in operator.mutation_positions(node)]
        for number, place in enumerate(places):
            if within(place, inside) and not within(place, outside):
                text = mutate_code(source, operator, number)
                yield place[0][0], name, re.sub(r"if not (\w+ := .*):\n", r"if not (\1):\n", text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno") and within(span(node), inside) and not within(span(node), outside):
            for new in replacements(node, source):
                yield node.lineno, f"{ast.get_source_segment(source, node)!s:.40} -> {new}", put(source, node, new)


def replacements(node: ast.AST, source: str) -> Iterator[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield | ast.YieldFrom):
        yield "yield from ()"
    if isinstance(node, ast.Return) and node.value is None:
        yield "pass"
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        left, right = (ast.get_source_segment(source, part) for part in (node.left, node.comparators[0]))
        yield f"({left} {'not in' if isinstance(node.ops[0], ast.In) else 'in'} {right})"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value in PHASES:
            yield from (repr(phase) for phase in PHASES if phase != node.value)
        else:
            yield repr(node.value + "XX")


def put(source: str, node: ast.AST, new: str) -> str:
    lines = source.encode().splitlines(keepends=True)
    head = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    tail = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    return (head + new.encode() + tail).decode()


class Mutated(importlib.abc.MetaPathFinder):
    """Finds one module in a text instead of its file."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        text = self.text

        class Loader(SourceFileLoader):
            def get_code(self, fullname):
                return compile(text, self.path, "exec", dont_inherit=True)

        origin = PathFinder.find_spec(name, path).origin
        return importlib.util.spec_from_file_location(name, origin, loader=Loader(name, origin))


def compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def survives(name: str, text: str) -> bool:
    """Run the tests in a forked process, which imports the mutant."""
    child = os.fork()
    if not child:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, Mutated(name, text))
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # or pytest reads the rules itself, to rewrite their asserts
        sys.dont_write_bytecode = True
        os._exit(any(pytest.main([*QUIET, *run]) for run in RUNS))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main(families: list[str]) -> None:
    os.chdir(ROOT)
    assert survives("", ""), "the tests fail without a mutant"
    for family in families:
        count = killed = 0
        for path in FAMILIES[family]:
            source = (ROOT / "conformance" / path).read_text(encoding="utf-8")
            for line, change, text in mutants(source):
                if not compiles(text):
                    continue
                count += 1
                if survives(f"conformance.{path.removesuffix('.py').replace('/', '.')}", text):
                    [after] = [b for a, b in zip(source.split("\n"), text.split("\n"), strict=False) if a != b][:1]
                    print(f"survived: {path}:{line}: {change}: {after.strip()}", flush=True)  # noqa: T201
                else:
                    killed += 1
        print(f"{family}: {killed} of {count} mutants killed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:] or list(FAMILIES))
