"""The real program in a process of its own: pipes, signals, terminals, and what it imports."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqwise.cli import main
from tests.cli.conftest import SMALL, run, texts, write_csv

PROGRAM = [sys.executable, "-c", "from seqwise.cli import main; main()"]


def call(*arguments, **options):
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )


def read_terminal(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the program has ended
        return b""


def call_on_a_terminal(*arguments):
    """Give what the program writes to a terminal, without colours, cursor and repeated blanks."""
    terminal, other_side = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdin=other_side,
        stdout=other_side,
        stderr=other_side,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(other_side)
        written = b"".join(iter(lambda: read_terminal(terminal), b""))
    os.close(terminal)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())
    return re.sub(" +", " ", plain)


@pytest.mark.parametrize("arguments", ["--help", "train --help", "bench --help", "--version"])
def test_help_does_not_import_torch(arguments):
    script = (
        "import sys\n"
        "from seqwise.cli import main\n"
        f"sys.argv = ['seqwise', *{arguments!r}.split()]\n"
        "try:\n    main()\n"
        "finally:\n    sys.exit(3 if {'torch', 'pyarrow', 'sklearn'} & set(sys.modules) else 0)\n"
    )
    called = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert called.returncode == 0, called.stderr


def test_the_version():
    assert re.fullmatch(r"seqwise \d+\.\d+\.\d+\S*\n", run("--version").out)


def test_exit_codes_and_streams(model, table):
    """The same as in the process of the tests, with the script that pip installs."""
    script = Path(sys.executable).with_name("seqwise")
    good = subprocess.run([script, "predict", model, table], capture_output=True, check=False)
    expected = run("predict", model, table)
    assert (good.returncode, good.stdout.decode()) == (0, expected.out)
    bad = subprocess.run([script, "predict", model, "none.csv"], capture_output=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, b"")
    assert bad.stderr.decode() == run("predict", model, "none.csv").err


def test_a_pipe_from_and_to(model, table):
    content = Path(table).read_text()
    called = call("predict", model, input=content)
    assert (called.returncode, called.stdout) == (0, run("predict", model, table).out)


def test_a_reader_that_leaves(model):
    """`seqwise predict ... | head -1`: no complaint, and no exit code 0."""
    write_csv("many.csv", texts(20_000))
    with subprocess.Popen(
        [*PROGRAM, "predict", model, "many.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"label,probability,problem\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_standard_output_that_is_full(model, table):
    with Path("/dev/full").open("w") as full:
        called = subprocess.run(
            [*PROGRAM, "predict", model, table], stdout=full, stderr=subprocess.PIPE, check=False
        )
    told = called.stderr.decode().splitlines()[-1]
    remedy = "a place that can be written - make room, or name a file (-o)"
    expected = f"seqwise: standard output: No space left on device - {remedy} [output-unwritable]"
    assert (called.returncode, told) == (2, expected)
    assert b"Traceback" not in called.stderr


def test_standard_error_that_nobody_reads(table):
    reading, writing = os.pipe()
    os.close(reading)
    called = subprocess.run(
        [*PROGRAM, "train", table, "--out", "model", *SMALL], stderr=writing, check=False
    )
    os.close(writing)
    assert called.returncode == 1


def test_output_is_utf8_safe(model):
    """A label or a file name that the terminal's encoding lacks is no reason to fail."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    called = call("inspect", write_csv("ä✓.csv", texts(8)), env=environment)
    assert called.returncode == 0, called.stderr


def test_labels_that_the_encoding_lacks_stay_apart():
    rows = [(text, {"ham": "日本", "spam": "中国"}[label]) for text, label in texts(40)]
    assert call("train", write_csv("asia.csv", rows), "--out", "asia", *SMALL).returncode == 0
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    called = call("predict", "asia", "asia.csv", "--probabilities", env=environment)
    head = called.stdout.splitlines()[0]
    assert "probability:\\u4e2d\\u56fd,probability:\\u65e5\\u672c" in head
    called = call("predict", "asia", "asia.csv", "--output-format", "jsonl", env=environment)
    told = {json.loads(line)["label"] for line in called.stdout.splitlines()}
    assert told
    assert told <= {"日本", "中国"}


@pytest.mark.parametrize(
    ("closed", "file", "code"), [(1, "table", "output-unwritable"), (0, "-", "file-empty")]
)
def test_a_stream_that_is_not_there(model, table, closed, file, code):
    command = [*PROGRAM, "predict", model, {"table": table}.get(file, file)]
    called = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}{"<" if closed == 0 else ">"}&-', "sh", *command],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert called.returncode == 2
    assert f"[{code}]" in called.stderr
    assert "Traceback" not in called.stderr


def signal_to_training(number, after, records):
    """Send a signal to a training that has said so much; give its exit code and its last words."""
    file = write_csv("many.csv", records)
    with subprocess.Popen(
        [*PROGRAM, "train", file, "--out", "model", "--epochs", "1000"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        next(line for line in process.stderr if line.startswith(after))
        process.send_signal(number)
        told = process.stderr.read().splitlines()
    assert not any("Traceback" in line for line in told)
    return process.returncode, told[-1]


def test_ctrl_c_before_training_begins_leaves_nothing_behind():
    many = texts(1000) * 150  # it takes a while to get ready for them
    code, told = signal_to_training(signal.SIGINT, "file ", many)
    assert (code, told) == (130, "seqwise: interrupted, nothing new was written")
    assert [path.name for path in Path().iterdir()] == ["many.csv"]


ENDED = {
    signal.SIGINT: "seqwise: interrupted, ",
    signal.SIGTERM: "seqwise: ended by SIGTERM, ",
    signal.SIGHUP: "seqwise: ended by SIGHUP, ",
}


def signal_to_prediction(number, *arguments, records, is_ready):
    """Send a signal to a prediction that waits for more records; give its last words."""
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("who started the tests ignores this signal (nohup), and so do all below them")
    with subprocess.Popen(
        [*PROGRAM, "predict", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdin.write("nice 3 day\n" * records)
        process.stdin.flush()
        while not is_ready(process):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        process.stdout.read()
        assert process.wait() == 128 + number  # although its input is still open
        return process.stderr.read().splitlines()


@pytest.mark.parametrize("number", ENDED)
def test_a_signal_ends_a_prediction_and_leaves_nothing_behind(number, model):
    told = signal_to_prediction(
        number,
        *(model, "-", "-o", "new.csv"),
        records=1,
        is_ready=lambda _: Path("new.csv.parts").exists(),  # the output is held
    )
    assert len(told) == 2
    assert "nothing new was written" in told[1]
    assert [path.name for path in Path().iterdir()] == ["model"]


def test_a_signal_where_rows_have_been_written(model):
    told = signal_to_prediction(
        signal.SIGINT, model, records=5_000, is_ready=lambda process: process.stdout.readline()
    )
    assert told[1:] == ["seqwise: interrupted, standard output has the beginning only"]


def test_a_signal_that_the_shell_has_ignored():
    """`nohup seqwise train ...` goes on when its terminal is closed."""
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    raise_ = "signal.raise_signal(signal.SIGHUP)"
    script = ignore + "from seqwise.cli.ending import heed_signals; heed_signals(); " + raise_
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_training_leaves_a_checkpoint(number):
    code, told = signal_to_training(number, "checkpoints ", texts(3000))
    assert code == 128 + number
    assert re.fullmatch(
        r"seqwise: stopped in the trial of lstm, epoch \d+ of 334; "
        "the same command with --resume goes on from there",
        told,
    )
    assert sorted(path.name for path in Path().iterdir()) == ["many.csv", "model.checkpoints"]


def test_no_bar_without_a_terminal(table):
    called = call("train", table, "--out", "model", *SMALL)
    assert called.returncode == 0
    assert called.stdout == ""
    assert "\r" not in called.stderr
    assert "\x1b" not in called.stderr
    assert not re.search("^epoch|steps/s", called.stderr, re.MULTILINE)


def test_a_bar_on_a_terminal():
    file = write_csv("many.csv", texts(4000))
    told = call_on_a_terminal("train", file, "--out", "model", *SMALL, "--batch-size", "8")
    assert re.search(
        r"epoch 1 of 1 [━╸╺ ]+ loss \d\.\d{4} [\d,]+ steps/s at most \d+:\d\d left", told
    )
    assert re.search(r"epoch 1 of 1 loss \d\.\d{4} validation: accuracy \d\.\d{4}, ", told)
    assert "result best epoch 1 of 1" in told


def test_quiet_on_a_terminal(table):
    assert call_on_a_terminal("train", table, "--out", "model", *SMALL, "--quiet") == ""


def test_the_count_of_records_on_a_terminal(model, table):
    told = call_on_a_terminal("predict", model, table, "-o", "new.csv")
    assert "24 records" in told
    assert "predicted 24 of 24 records" in told


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, None),
    ],
)
def test_waiting_threads_give_way_unless_the_user_says_otherwise(chosen, expected, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["seqwise", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert os.environ.get("GOMP_SPINCOUNT") == expected


@pytest.mark.parametrize(("chosen", "expected"), [(None, "128"), ("1024", "1024")])
def test_few_compiled_kernels_are_kept_unless_the_user_says_otherwise(
    chosen, expected, monkeypatch
):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setenv(name, chosen or "")
    if chosen is None:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["seqwise", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert os.environ[name] == expected


def test_a_signal_while_the_program_is_leaving_prints_nothing():
    code = """
import atexit, sys, time
from seqwise.cli import main
atexit.register(lambda: (print("leaving", flush=True), time.sleep(60)))
sys.argv = ["seqwise", "--version"]
main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.stdout.readline() != "leaving\n":
        pass
    process.terminate()
    assert process.communicate() == ("", "")
    assert process.returncode == -signal.SIGTERM
