"""A prediction that is stopped goes on, and ends with the file of one that never was."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seqwise import predictor
from seqwise.cli import output
from seqwise.cli.predict import _Blocks
from seqwise.cli.writers import CsvWriter, JsonLinesWriter, ParquetWriter
from seqwise.interruption import Stopped, StopRequest
from seqwise.predictor import Predictor
from tests.cli.conftest import GOOD, refused, run, texts, train, write_csv, write_gz, write_jsonl

WRITERS = {"csv": CsvWriter, "jsonl": JsonLinesWriter, "parquet": ParquetWriter}
FORMS = pytest.mark.parametrize("form", WRITERS)
BLOCKS = (2, 4, 8, 8, 8, 8, 8, 4)  # records of each


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(predictor, "FIRST_BLOCK_RECORDS", 2)
    monkeypatch.setattr(predictor, "BLOCK_RECORDS", 8)


@pytest.fixture
def records():
    """Fifty records of many lengths, of which every eleventh has a problem."""
    random = np.random.default_rng(0)
    rows = [
        (" ".join(random.choice(GOOD, random.integers(1, 30))) if number % 11 else "", "new")
        for number in range(sum(BLOCKS))
    ]
    return write_csv("new.csv", rows)


class Predicting:
    """Counts the blocks that are predicted, and does something in one of them."""

    def __init__(self, monkeypatch):
        self.count = 0
        self.at, self.what = 0, None
        original = Predictor._predict_block

        def predict_block(predictor, *arguments):
            self.count += 1
            if self.count == self.at:
                self.what()
            return original(predictor, *arguments)

        monkeypatch.setattr(Predictor, "_predict_block", predict_block)

    def during(self, block, what):
        self.count, self.at, self.what = 0, block, what

    def stop_during(self, block, number=signal.SIGTERM):
        self.during(block, lambda: os.kill(os.getpid(), number))


@pytest.fixture
def predicting(monkeypatch):
    return Predicting(monkeypatch)


def predict(model, file="new.csv", form="csv", *options):
    arguments = ("-o", f"out.{form}", "--probabilities", "--checkpoint-seconds", "0", *options)
    return run("predict", model, file, *arguments)


def expected(model, form="csv"):
    """Give the bytes that a run writes which makes no parts at all."""
    assert run("predict", model, "new.csv", "-o", f"e.{form}", "--probabilities").code == 0
    content = Path(f"e.{form}").read_bytes()
    Path(f"e.{form}").unlink()
    return content


def is_done(outcome, content, form="csv"):
    """Tell whether the file is there with these bytes, and nothing beside it."""
    assert outcome.code == 0, outcome
    assert Path(f"out.{form}").read_bytes() == content
    return sorted(os.listdir()) == sorted(["model", "new.csv", f"out.{form}"])


def part_names():
    return sorted(os.listdir("out.csv.parts"))


@pytest.fixture
def stopped(model, records, predicting):
    """A prediction with two parts, of six records together."""
    predicting.stop_during(3)
    assert predict(model).code == 143
    predicting.during(0, None)
    return model


@FORMS
def test_parts_make_the_same_file(model, records, predicting, monkeypatch, form):
    content = expected(model, form)
    kept = []
    keep = output.Output.keep
    monkeypatch.setattr(output.Output, "keep", lambda self: (keep(self), kept.append(1)))
    assert is_done(predict(model, "new.csv", form), content, form)
    assert len(kept) >= len(BLOCKS) == predicting.count / 2


@FORMS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("block", [2, 5, 8])
def test_stopped_and_gone_on(model, records, predicting, form, number, block):
    content, facts = expected(model, form), predict(model, "new.csv", form).told
    Path(f"out.{form}").unlink()
    predicting.stop_during(block, number)
    outcome = predict(model, "new.csv", form)
    count = sum(BLOCKS[: block - 1])
    assert (outcome.code, outcome.out) == (128 + number, "")
    assert outcome.error == f"stopped after {count} records; the same command goes on from there"
    assert sorted(os.listdir()) == ["model", "new.csv", f"out.{form}.parts"]
    predicting.during(0, None)
    again = predict(model, "new.csv", form)
    assert is_done(again, content, form)
    assert predicting.count == len(BLOCKS) - block + 1
    assert again.told == f"going on after {count} records\n{facts}"


def test_stopped_again_and_again(model, records, predicting):
    content = expected(model)
    for count in (2, 6, 14):
        predicting.stop_during(2)
        assert f"stopped after {count} records" in predict(model).error
    predicting.during(0, None)
    assert is_done(predict(model), content)


def test_a_signal_while_rows_are_written_waits_for_their_end(model, records, monkeypatch):
    content = expected(model)
    write = CsvWriter._write

    def interrupted(writer, columns):
        os.kill(os.getpid(), signal.SIGTERM)
        write(writer, columns)

    with monkeypatch.context() as patch:
        patch.setattr(CsvWriter, "_write", interrupted)
        outcome = predict(model, "new.csv", "csv", "--checkpoint-seconds", "1000")
    assert "stopped after 2 records" in outcome.error
    assert is_done(predict(model), content)


def test_a_signal_before_the_first_block_is_there(model, records, predicting):
    predicting.stop_during(1)
    outcome = predict(model)
    assert (outcome.code, outcome.error) == (143, "interrupted, nothing new was written")
    assert sorted(os.listdir()) == ["model", "new.csv"]


def test_a_short_prediction_makes_no_part(model, records, monkeypatch):
    monkeypatch.setattr(output.Output, "_write_manifest", None)
    assert run("predict", model, "new.csv", "-o", "out.csv").code == 0


@FORMS
@pytest.mark.parametrize("block", [1, 3])
def test_a_full_disk(model, records, monkeypatch, form, block):
    content = expected(model, form)
    count, write = [], WRITERS[form]._write

    def fill_up(writer, columns):
        write(writer, columns)
        count.append(1)
        if len(count) == block:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(WRITERS[form], "_write", fill_up)
        line = refused(predict(model, "new.csv", form), "output-unwritable")
    assert line.startswith(f"out.{form}: No space left on device - ")
    assert Path(f"out.{form}.parts").exists() == (block > 1)
    assert ("the same command goes on" in line) == (block > 1)
    assert not list(Path().glob("*.parts/open*"))
    assert is_done(predict(model, "new.csv", form), content, form)


OPERATIONS = [("move_file", number) for number in range(1, 10)] + [("sync", 1)]


@FORMS
@pytest.mark.parametrize(("name", "number"), OPERATIONS)
def test_a_failure_between_the_parts(model, records, predicting, monkeypatch, form, name, number):
    """The eight parts and the file get their names; before the last it is synced."""
    content = expected(model, form)
    count, original = [], getattr(output, name)

    def fail(*arguments):
        count.append(1)
        if len(count) == number:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(output, name, fail)
        refused(predict(model, "new.csv", form), "output-unwritable")
    assert not Path(f"out.{form}").exists()
    predicting.during(0, None)
    assert is_done(predict(model, "new.csv", form), content, form)
    assert predicting.count == (
        len(BLOCKS) - number + 1 if name == "move_file" and number < 9 else 0
    )


def test_an_end_between_the_file_and_the_removal_of_parts(model, records, predicting, monkeypatch):
    content = expected(model)
    with monkeypatch.context() as patch:
        patch.setattr(output.Output, "_remove", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict(model)
    Path("out.csv.parts/00000003.csv").unlink()
    predicting.during(0, None)
    assert is_done(predict(model), content)
    assert predicting.count == 0


@pytest.mark.parametrize("number", range(1, 10))
def test_an_end_amid_the_removal_of_parts(model, records, predicting, monkeypatch, number):
    content = expected(model)
    count, unlink = [], Path.unlink

    def end(path, **options):
        if path.name.startswith("0") or path.name == "manifest.json":
            count.append(1)
            if len(count) == number:
                raise KeyboardInterrupt
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", end)
        assert predict(model).code == 130
    predicting.during(0, None)
    assert is_done(predict(model), content)
    assert predicting.count == 0


def test_parts_without_their_file_begin_anew(model, records, predicting, monkeypatch):
    content = expected(model)
    with monkeypatch.context() as patch:
        patch.setattr(output.Output, "_remove", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict(model)
    Path("out.csv").unlink()
    assert is_done(predict(model), content)


def test_a_part_that_no_manifest_names_is_nobody_s(model, records):
    content = expected(model)
    Path("out.csv.parts").mkdir()
    for name in ("00000001.csv", "00000099.csv", "open.csv", ".manifest.json"):
        Path("out.csv.parts", name).write_text("rows of nobody\n")
    assert is_done(predict(model), content)


# What is the same prediction, and what is another


def change(option):
    def apply(monkeypatch):
        return option

    return apply


def other_records(monkeypatch):
    Path("new.csv").write_text(Path("new.csv").read_text() + "one more,new\n")
    return ()


def other_model(monkeypatch):
    shutil.rmtree("model")
    assert train(write_csv("t.csv", texts())).code == 0
    return ()


def other_version(monkeypatch):
    monkeypatch.setattr("seqwise.artifact.value.__version__", "9.9")
    return ()


def other_precision(monkeypatch):
    Path("cpuinfo").write_text("flags : avx512_bf16")
    monkeypatch.setattr("seqwise.nn.precision.PROCESSORS", Path("cpuinfo"))
    return ("--precision", "bfloat16")


@pytest.mark.parametrize(
    ("alter", "found"),
    [
        (other_precision, "precision is 'bfloat16', and was 'float32'"),
        (other_records, "other records than those of the prediction that was stopped"),
        (other_model, "the model is "),
        (other_version, "seqwise is '9.9', and was "),
        (change(("--deterministic",)), "deterministic is True, and was False"),
        (change(("--sequence", "label")), "sequence is 'label', and was 'text'"),
        (change(("--strict",)), "strict is True, and was False"),
        (change(("--format", "lines")), "format is 'lines', and was 'csv'"),
    ],
)
def test_parts_of_another_prediction_are_refused(stopped, monkeypatch, alter, found):
    before = part_names()
    line = refused(predict(stopped, "new.csv", "csv", *alter(monkeypatch)), "checkpoint-mismatch")
    assert line.startswith(f"out.csv.parts: {found}")
    assert "remove this folder" in line
    assert part_names() == before


def test_the_same_records_under_another_name_are_the_same(stopped, predicting):
    content = expected(stopped)
    os.rename("new.csv", "old.csv")
    shutil.copy("old.csv", "new.csv")
    os.unlink("old.csv")
    predicting.during(0, None)
    assert is_done(predict(stopped), content)
    assert predicting.count == len(BLOCKS) - 2


def test_a_pipe_cannot_go_on(stopped, predicting):
    content = Path("new.csv").read_text()
    options = ("-o", "out.csv", "--probabilities", "--checkpoint-seconds", "0")
    before = part_names()
    line = refused(run("predict", stopped, *options, stdin=content), "checkpoint-mismatch")
    assert "the input is a pipe" in line
    assert part_names() == before
    shutil.rmtree("out.csv.parts")
    predicting.stop_during(3)
    outcome = run("predict", stopped, *options, stdin=content)
    assert outcome.code == 143
    assert outcome.error == "interrupted, nothing new was written: a pipe cannot be gone on with"
    assert sorted(os.listdir()) == ["model", "new.csv"]
    predicting.during(0, None)
    assert run("predict", stopped, *options, stdin=content).code == 0


@pytest.mark.parametrize("name", ["new.csv.gz", "new.jsonl", "folder"])
def test_every_input_goes_on(model, predicting, name):
    lines = [f"{GOOD[number % 3]} " * (number % 5 + 1) for number in range(30)]
    write_gz("new.csv.gz", "text\n" + "\n".join(lines))
    write_jsonl("new.jsonl", [{"text": line} for line in lines])
    for number, line in enumerate(lines):
        Path("folder", "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Path("folder", "ab"[number % 2], f"{number}.txt").write_text(line)
    run("predict", model, name, "-o", "expected.csv", "--probabilities")
    predicting.stop_during(3)
    assert predict(model, name).code == 143
    predicting.during(0, None)
    assert "going on after 6 records" in predict(model, name).told
    assert Path("out.csv").read_bytes() == Path("expected.csv").read_bytes()


# Parts that are not what they were


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("how", ["cut", "missing"])
def test_a_damaged_part_is_predicted_anew(stopped, predicting, number, how):
    content = expected(stopped)
    part = Path(f"out.csv.parts/0000000{number}.csv")
    part.write_text(part.read_text()[:-1]) if how == "cut" else part.unlink()
    predicting.during(0, None)
    outcome = predict(stopped)
    assert f"passed over {part}: it is not what was written" in outcome.told
    assert is_done(outcome, content)
    assert predicting.count == len(BLOCKS) - number + 1


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 100_000, '{"format_version": 1}'])
def test_a_damaged_manifest(stopped, content):
    Path("out.csv.parts/manifest.json").write_text(content)
    line = refused(predict(stopped), "damaged-checkpoint")
    assert line.startswith("out.csv.parts/manifest.json: ")


def test_a_manifest_of_another_format(stopped):
    path = Path("out.csv.parts/manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 2}))
    assert "it has format 2" in refused(predict(stopped), "newer-format")


# Others in the same place


def test_a_prediction_in_the_same_place_is_refused(model, records):
    Path("out.csv.parts").mkdir()
    descriptor = os.open("out.csv.parts", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert refused(predict(model), "checkpoint-in-use")
    os.close(descriptor)
    assert predict(model).code == 0


def test_a_file_that_came_meanwhile_is_kept(stopped):
    Path("out.csv").write_text("precious")
    assert refused(predict(stopped), "output-exists")
    assert Path("out.csv").read_text() == "precious"
    assert part_names() == ["00000001.csv", "00000002.csv", "manifest.json"]
    assert predict(stopped, "new.csv", "csv", "--overwrite").code == 0


def test_a_file_to_be_replaced_stays_until_the_end(model, records, predicting):
    content = expected(model)
    Path("out.csv").write_text("precious")
    predicting.stop_during(3)
    assert predict(model, "new.csv", "csv", "--overwrite").code == 143
    assert Path("out.csv").read_text() == "precious"
    predicting.during(0, None)
    assert is_done(predict(model, "new.csv", "csv", "--overwrite"), content)


def test_a_signal_just_before_a_record_is_awaited_is_granted():
    def await_for_ever():
        raise AssertionError("it waits for a record")
        yield

    predictor = SimpleNamespace(
        data=SimpleNamespace(kind="text"), predict=lambda *_, **__: await_for_ever()
    )
    records = SimpleNamespace(checked=lambda *_, **__: (), path="-", sequence_column=None)
    blocks = _Blocks(predictor, records, strict=False)
    stop = StopRequest(lambda: blocks.are_awaited)
    blocks.grant = stop.grant
    stop._note(signal.SIGINT, None)  # noted, as nothing is awaited yet
    with pytest.raises(Stopped):
        next(iter(blocks))


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_what_somebody_else_put_beside_the_output_is_left_alone(model, records, options):
    Path("out.csv.parts").mkdir()
    Path("out.csv.parts", "part-0").write_text("precious")
    refused(predict(model, "new.csv", "csv", *options), "output-exists")
    assert Path("out.csv.parts", "part-0").read_text() == "precious"
