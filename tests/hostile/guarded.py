"""Load model folders where running code, and writing, ends the process.

    python -m tests.hostile.guarded MODEL FOLDER ...

The model is a good one: what is imported and compiled once is so before the guard stands.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path

from seqwise.artifact import is_model, load_artifact
from seqwise.errors import ArtifactError
from tests.memory import peak_megabytes

FORBIDDEN = (
    *("pickle.find_class", "marshal.loads", "exec", "compile", "ctypes.dlopen"),
    *("os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "socket.connect"),
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "shutil.rmtree", "shutil.copyfile", "tempfile.mkstemp", "tempfile.mkdtemp"),
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def is_importing() -> bool:
    """Whether a library imports a part of itself that it did not need before."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def forbid(event: str, arguments: tuple[object, ...]) -> None:
    written = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    if (event in FORBIDDEN or written) and not is_importing():
        os.write(2, f"{event} {arguments!r:.200}\n".encode())
        os._exit(1)


def main(model: str, folders: list[str]) -> None:
    load_artifact(model)
    before = peak_megabytes()
    sys.addaudithook(forbid)
    refused = 0
    for folder in folders:
        if folder.startswith("pickle:"):
            pickle.loads(Path(folder.removeprefix("pickle:")).read_bytes())
        is_model(folder)
        try:
            load_artifact(folder)
        except ArtifactError:
            refused += 1
    places = [str(getattr(each, "__file__", "")) for each in list(sys.modules.values())]
    assert not any(place.startswith(tuple(folders)) for place in places)
    taken = peak_megabytes() - before
    sys.stdout.write(json.dumps({"refused": refused, "megabytes": taken}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
