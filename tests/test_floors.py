"""Imports run downwards only; docs/design.md draws the house."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("genrl", "agents", "experts")
ROLES = {"rewards", "policies", "world_models", "planners", "evaluation"}
FAMILIES = {"bayes", "mixtures", "autoencoders", "gans", "autoregressive", "flows", "score"}
GROUND = {"nn", "training", "envs"}
TOP = {"scripts", "benchmarks", "tests"}
LONGEST = 500

Imports = dict[str, set[str]]


def room(module: str) -> str:
    """The room a module is in: a top folder, or a folder of genrl that holds a family or a role."""
    parts = module.split(".")
    if parts[0] == "genrl" and len(parts) > 1 and parts[1] in ROLES | FAMILIES:
        return parts[1]
    return parts[0]


def floor(module: str) -> int:
    where = room(module)
    if where in TOP:
        return 4
    if where in {"agents", "experts"}:
        return 3
    if where in ROLES:
        return 2
    return 1 if where in FAMILIES else 0


def wrong_imports(imports: Imports) -> list[str]:
    """What runs upwards, or into another room of the same floor."""
    return [
        f"{importer} imports {imported}"
        for importer, targets in sorted(imports.items())
        for imported in sorted(targets)
        if floor(imported) > floor(importer)
        or (floor(imported) == floor(importer) and room(imported) != room(importer))
    ]


def cycle(imports: Imports) -> list[str]:
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def imported_modules(module: str, source: str, *, is_package: bool, known: set[str]) -> set[str]:
    """Modules of this project that `source` imports, wherever in it; not those for the type checker alone."""
    tree = ast.parse(source)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = _origin(module, node, is_package)
            # "from package import name" means the module of that name where there is one.
            found |= {f"{start}.{a.name}" if f"{start}.{a.name}" in known else start for a in node.names}
    return {name for name in found if name.split(".")[0] in {*PACKAGES, *TOP}} - {module}


def _origin(module: str, node: ast.ImportFrom, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    package = parts[: len(parts) - node.level + is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


def files() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@pytest.fixture(scope="module")
def imports() -> Imports:
    modules = dict(files())
    return {
        name: imported_modules(name, path.read_text(), is_package=path.name == "__init__.py", known=set(modules))
        for name, path in modules.items()
    }


def test_imports_run_downwards(imports: Imports) -> None:
    assert len(imports) > 50
    assert any(floor(target) == 0 for target in imports["genrl.rewards.adversarial"])
    assert wrong_imports(imports) == []


def test_no_module_imports_itself_through_others(imports: Imports) -> None:
    assert cycle(imports) == []


def test_every_folder_has_a_floor() -> None:
    folders = {path.parent.name for path in (ROOT / "genrl").glob("*/__init__.py")}
    assert folders <= ROLES | FAMILIES | GROUND, "say in this test on which floor the new folder stands"


def test_relative_imports_stay_inside_agents_and_experts() -> None:
    for name, path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            package = name.split(".")[0]
            if package == "genrl":
                assert node.level == 0, f"{name} imports relatively"
            else:
                assert (node.module or "").split(".")[0] != package or node.level, f"{name} imports {node.module}"


def test_files_are_short() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in files()}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("genrl.nn.mlp", "from genrl.gans import losses"),
        ("genrl.gans.losses", "import genrl.flows.coupling"),
        ("genrl.gans.losses", "from genrl.rewards.forms import gail"),
        ("genrl.rewards.forms", "from genrl import policies"),
        ("genrl.rewards.forms", "def late():\n    from agents import GAIL"),
        ("agents.gail", "from experts import load_demonstrations"),
        ("experts.loading", "import agents"),
        ("experts.loading", "from scripts.command_line import run"),
    ],
)
def test_a_wrong_import_is_seen(importer: str, source: str) -> None:
    known = {"genrl.gans.losses", "genrl.policies"}
    found = imported_modules(importer, source, is_package=False, known=known)
    assert wrong_imports({importer: found}) != []


def test_relative_imports_are_resolved() -> None:
    known = {"agents.gail", "agents.learners"}
    assert imported_modules("agents", "from .gail import GAIL", is_package=True, known=known) == {"agents.gail"}
    assert imported_modules("agents.gail", "from . import learners", is_package=False, known=known) == {
        "agents.learners"
    }
    hint = "if TYPE_CHECKING:\n    from agents import GAIL"
    assert imported_modules("genrl.nn.mlp", hint, is_package=False, known=known) == set()


def test_a_cycle_is_seen() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) != []
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []
