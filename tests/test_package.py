"""The package as a whole: what importing it costs, what it exports, what its source may not do."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import seqwise
import seqwise.nn

SOURCE = Path(seqwise.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
# From the ground up; a file imports only from rooms below its own, or from its own.
FLOORS = [
    {"version"},
    {"errors", "atomic", "bounded", "interruption"},
    {"identity"},
    {"strict"},
    {"config"},
    {"nn"},
    {"data"},
    {"evaluation", "speed"},
    {"artifact"},
    {"predictor"},
    {"results"},
    {"batch_predictor"},
    {"inspection"},
    {"given_labels", "training", "assessment", "inspection_tables"},
    {"estimator"},
    {"cli"},
    {"__main__"},
]
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {("torch", "load"), ("torch", "save"), ("np", "load"), ("np", "save")}


def name_of(path):
    return str(path.relative_to(SOURCE))


for_every_file = pytest.mark.parametrize("path", FILES, ids=name_of)


def in_a_new_process(script):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_importing_the_package_does_not_import_torch():
    heavy = "{'torch', 'sklearn', 'pyarrow', 'numpy'} & set(sys.modules)"
    assert in_a_new_process(f"import sys, seqwise; print({heavy} or 'none')") == "none"


def test_a_name_is_imported_when_it_is_asked_for():
    script = "import sys, seqwise; seqwise.SequenceClassifier; print('torch' in sys.modules)"
    assert in_a_new_process(script) == "True"


@pytest.mark.parametrize("name", ["seqwise", "seqwise.nn", "seqwise.cli", "seqwise.data.codecs"])
def test_everything_in_all_is_there(name):
    module = import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    assert all(getattr(module, each) is not None for each in module.__all__)


def test_dir_lists_what_is_exported():
    script = "import seqwise; print(set(seqwise.__all__) - set(dir(seqwise)) or 'none')"
    assert in_a_new_process(script) == "none"


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        seqwise.Nothing  # noqa: B018


def test_the_version_is_the_one_that_is_installed():
    assert seqwise.__version__.count(".") == 2


def test_types_are_declared():
    assert (SOURCE / "py.typed").is_file()


def imports_of(tree):
    """Give the rooms of seqwise that a file imports from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "seqwise":
                yield rest.partition(".")[0]


@for_every_file
def test_a_file_imports_only_from_rooms_below(path):
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    level = next(index for index, floor in enumerate(FLOORS) if room in floor)
    allowed = set().union(*FLOORS[:level]) | {room}
    assert set(imports_of(ast.parse(path.read_text()))) <= allowed


@for_every_file
def test_nothing_is_unpickled_or_evaluated(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            assert not {each.partition(".")[0] for each in modules} & FORBIDDEN_MODULES
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in FORBIDDEN_METHODS
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
