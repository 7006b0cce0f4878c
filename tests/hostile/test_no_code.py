"""No file of seqwise calls what would turn data into code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import seqwise

ROOT = Path(seqwise.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
MODULES = {
    *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"),
    *("yaml", "runpy", "code", "ctypes", "subprocess", "multiprocessing"),
}
NAMES = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {
    *("torch.load", "torch.jit.load", "torch.hub.load", "torch.package", "numpy.load", "np.load"),
    *("os.system", "os.popen", "yaml.load", "pd.read_pickle", "joblib.load", "os.execv"),
}
# Our own modules, by names that stand in the code.
ALLOWED = {(name, "importlib.import_module") for name in ("__init__.py", "cli/app.py")}


def calls_of_code(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{each.name}" for each in node.names}
            found += [str(node.module)] * ((node.module or "").split(".")[0] in MODULES)
            found += sorted(names & (ATTRIBUTES | {"importlib.import_module"}))
        elif isinstance(node, ast.Name) and node.id in NAMES:
            found.append(node.id)
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            found += [name] * (name in ATTRIBUTES or name == "importlib.import_module")
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append(node.arg)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_turns_data_into_code(path):
    name = path.relative_to(ROOT).as_posix()
    found = {(name, call) for call in calls_of_code(ast.parse(path.read_text("utf-8")))}
    assert found <= ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load(path)",
        "from torch import load",
        "eval(text)",
        "run = exec",
        "np.load(path, allow_pickle=True)",
        "import yaml",
        "import importlib\nimportlib.import_module(name)",
    ],
)
def test_the_scan_sees(source):
    assert calls_of_code(ast.parse(source))
    assert not calls_of_code(ast.parse("model.eval()\nre.compile(text)\njson.load(file)"))
