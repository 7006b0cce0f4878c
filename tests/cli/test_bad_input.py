"""Bad input through the command line: the exit code, the one line, the code, nothing left behind.

Each case makes its files and gives the arguments; the first one of a code is the example that
`docs/bad-input.md` shows.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import signal
from pathlib import Path

import pytest
import torch

from seqwise.errors import Code, ShapeError
from seqwise.nn import Batch
from seqwise.training import distribution
from seqwise.training.loop import Training
from tests.cli.conftest import SMALL, refused, run, texts, write_csv, write_jsonl, write_parquet

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| .+? \| `(.+?)` \| .+ \|$", re.MULTILINE)
TRAIN = ("train", "--out", "model", *SMALL)
COMMANDS = "train, pretrain, encode, evaluate, predict, inspect, bench"
CASES = []


def case(code):
    """Note how to provoke a code."""

    def note(make):
        CASES.append(pytest.param(code, make, id=f"{code}:{make.__name__}"))
        return make

    return note


def good(name="train.csv"):
    return write_csv(name, texts(8))


def table_with(*lines, name="train.csv"):
    """Add lines, as they are, to a table of 8 good records."""
    content = Path(good(name)).read_bytes() + b"".join(line + b"\n" for line in lines)
    Path(name).write_bytes(content)
    return name


def series_with(*rows, name="train.jsonl"):
    plain = [{"signal": [0.5, 1.5 + i, -1], "label": "ab"[i % 2]} for i in range(4)]
    return write_jsonl(name, [*plain, *({"signal": each, "label": "a"} for each in rows)])


def ts_with(*lines, head="@classLabel true up down"):
    content = [head, "@data", *["1.5,2:3,4:up", "2.5,1:4,3:down"] * 2, *lines]
    Path("train.ts").write_text("\n".join(content) + "\n")
    return "train.ts"


def saved_model(monkeypatch):
    file = good()
    assert run("train", file, "--out", "results", *SMALL).code == 0
    return file


# A file as a whole


@case("file-missing")
def name_with_a_typo(monkeypatch):
    good()
    return (*TRAIN, "trian.csv")


@case("file-missing")
def folder_of_the_file(monkeypatch):
    return (*TRAIN, "nowhere/train.csv")


@case("file-missing")
def validation_file(monkeypatch):
    return (*TRAIN, good(), "--valid", "valid.csv")


@case("file-missing")
def table_of_labels(monkeypatch):
    Path("train.fasta").write_text(">a\nACGT\n")
    return (*TRAIN, "train.fasta", "--labels-from", "labels.csv")


@case("file-missing")
def file_to_inspect(monkeypatch):
    return ("inspect", "train.csv")


@case("file-unreadable")
def permission(monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("seqwise.data.readers.source._File", refuse)
    return (*TRAIN, good())


@case("file-unreadable")
def disk_that_fails(monkeypatch):
    return (*TRAIN, "/proc/self/mem", "--format", "lines")  # the first bytes of it are not there


@case("file-unreadable")
def device(monkeypatch):
    return (*TRAIN, "/dev/null")


@case("file-unreadable")
def folder_without_folders(monkeypatch):
    Path("texts").mkdir()
    return (*TRAIN, "texts")


@case("file-empty")
def no_bytes(monkeypatch):
    Path("train.csv").touch()
    return (*TRAIN, "train.csv")


@case("bad-gzip")
def cut_gzip(monkeypatch):
    content = Path(good()).read_bytes()
    Path("train.csv.gz").write_bytes(gzip.compress(content)[:-4])
    return (*TRAIN, "train.csv.gz")


@case("bad-gzip")
def no_gzip(monkeypatch):
    return (*TRAIN, good("train.csv.gz"))


@case("bad-format")
def open_quote(monkeypatch):
    return (*TRAIN, table_with(b'"never closed,ham', b"a,ham", b"b,ham"))


@case("bad-format")
def stray_file_in_a_folder(monkeypatch):
    for label in ("ham", "spam"):
        Path("texts", label).mkdir(parents=True)
        Path("texts", label, "1.txt").write_text("hi")
    Path("texts", "ham", "1.doc").touch()
    return (*TRAIN, "texts")


@case("bad-format")
def damaged_parquet(monkeypatch):
    Path("train.parquet").write_bytes(b"PAR1 and no more")
    return (*TRAIN, "train.parquet")


@case("bad-format")
def text_before_fasta(monkeypatch):
    Path("train.fasta").write_text("ACGT\n>a\nACGT\n")
    return (*TRAIN, "train.fasta")


@case("too-long")
def line_without_end(monkeypatch):
    content = Path(table_with()).read_bytes() + b"a" * (1 << 26)
    Path("train.csv.gz").write_bytes(gzip.compress(content, compresslevel=1))
    return (*TRAIN, "train.csv.gz")


@case("unknown-format")
def unknown_bytes(monkeypatch):
    Path("train.bin").write_bytes(b"\x01\x02")
    return (*TRAIN, "train.bin")


@case("no-records")
def header_only(monkeypatch):
    return (*TRAIN, write_csv("train.csv", []))


@case("column-missing")
def sequence_column(monkeypatch):
    return (*TRAIN, good(), "--sequence", "txt")


@case("column-missing")
def label_column(monkeypatch):
    return (*TRAIN, good(), "--label", "lable")


@case("column-unclear")
def no_known_name(monkeypatch):
    return (*TRAIN, write_csv("train.csv", [(1, 2, 3)], ("a", "b", "c")))


@case("column-unclear")
def one_column_for_both(monkeypatch):
    return (*TRAIN, good(), "--sequence", "text", "--label", "text")


@case("duplicate-header")
def two_columns_of_one_name(monkeypatch):
    return (*TRAIN, write_csv("train.csv", [("a", "b", "c")], ("text", "text", "label")))


@case("kind-unclear")
def integers(monkeypatch):
    rows = [{"numbers": [1, 2, 3], "label": label} for label in "aabb"]
    return (*TRAIN, write_jsonl("train.jsonl", rows), "--sequence", "numbers")


@case("output-exists")
def model_exists(monkeypatch):
    Path("results").mkdir()
    return ("train", good(), "--out", "results")


@case("output-exists")
def file_in_place_of_the_model(monkeypatch):
    file = good()
    return ("train", file, "--out", file)


@case("output-unwritable")
def no_permission(monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    return (*TRAIN, good())


@case("output-unwritable")
def no_folder_above(monkeypatch):
    return ("train", good(), "--out", "no/where")


@case("output-unwritable")
def disk_full(monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    return (*TRAIN, good())


# The labels as a whole


@case("one-class")
def one_class(monkeypatch):
    return (*TRAIN, write_csv("train.csv", [("a b", "spam"), ("c d", "spam")]))


@case("one-class")
def one_record(monkeypatch):
    return (*TRAIN, write_csv("train.csv", [("a b", "spam")]))


@case("rare-class")
def a_class_of_one_record(monkeypatch):
    return (*TRAIN, table_with(b"a b,Trojan"))


@case("rare-class")
def equal_sequences_only(monkeypatch):
    return (*TRAIN, write_csv("train.csv", [("a", "x"), ("b", "y")] * 4))


# One record


@case("ragged-row")
def wide_row(monkeypatch):
    return (*TRAIN, table_with(b"x,y,z"))


@case("ragged-row")
def narrow_row(monkeypatch):
    return (*TRAIN, table_with(b"x"))


@case("not-utf8")
def latin1(monkeypatch):
    return (*TRAIN, table_with(b"caf\xe9,ham"))


@case("not-utf8")
def utf16(monkeypatch):
    Path("train.csv").write_text("text,label\na,b\n", encoding="utf-16")
    return (*TRAIN, "train.csv")


@case("nul-byte")
def nul_byte(monkeypatch):
    return (*TRAIN, table_with(b"a\0b,ham"))


@case("bad-json")
def list_for_an_object(monkeypatch):
    file = write_jsonl("train.jsonl", [{"text": a, "label": b} for a, b in texts(8)])
    with Path(file).open("a") as lines:
        lines.write("[1, 2]\n")
    return (*TRAIN, file)


@case("bad-json")
def one_key_twice(monkeypatch):
    file = write_jsonl("train.jsonl", [{"text": a, "label": b} for a, b in texts(8)])
    with Path(file).open("a") as lines:
        lines.write('{"text": "a", "text": "b", "label": "ham"}\n')
    return (*TRAIN, file)


@case("missing-sequence")
def null(monkeypatch):
    rows = [*texts(8), (None, "ham")]
    return (*TRAIN, write_jsonl("train.jsonl", [{"text": a, "label": b} for a, b in rows]))


@case("missing-sequence")
def null_in_parquet(monkeypatch):
    rows = [*texts(8), (None, "ham")]
    return (*TRAIN, write_parquet("train.parquet", *zip(*rows, strict=True)))


@case("empty-sequence")
def white_space(monkeypatch):
    return (*TRAIN, table_with(b"  ,ham"))


@case("empty-sequence")
def empty_list(monkeypatch):
    return (*TRAIN, series_with([]), "--sequence", "signal")


@case("missing-label")
def empty_label(monkeypatch):
    return (*TRAIN, table_with(b"hello,"))


@case("missing-label")
def lines_have_no_labels(monkeypatch):
    Path("train.txt").write_text("a\nb\n")
    return (*TRAIN, "train.txt")


@case("missing-label")
def label_not_in_the_table(monkeypatch):
    Path("train.fasta").write_text(">a\nACGTACGTAC\n>b\nACGTACGTAC\n")
    return (
        *TRAIN,
        "train.fasta",
        "--labels-from",
        write_csv("ids.csv", [("a", "x")], ("id", "label")),
    )


@case("unknown-label")
def label_that_is_not_declared(monkeypatch):
    return (*TRAIN, ts_with("1.5,2:3,4:left"))


@case("unknown-label")
def label_of_validation(monkeypatch):
    return (*TRAIN, good(), "--valid", write_csv("valid.csv", [("a", "eggs")]))


@case("unknown-label")
def labels_of_evaluation(monkeypatch):
    saved_model(monkeypatch)
    return ("evaluate", "results", write_csv("test.csv", [("a", "eggs")]))


@case("label-per-step")
def list_of_labels(monkeypatch):
    rows = [{"text": a, "label": b} for a, b in texts(8)]
    return (*TRAIN, write_jsonl("train.jsonl", [*rows, {"text": "a b", "label": ["B", "I"]}]))


@case("wrong-type")
def list_for_a_string(monkeypatch):
    rows = [{"text": a, "label": b} for a, b in texts(8)]
    rows.append({"text": ["a", "b", "c"], "label": "ham"})
    return (*TRAIN, write_jsonl("train.jsonl", rows), "--kind", "text")


@case("wrong-type")
def number_for_dna(monkeypatch):
    file = write_jsonl("train.jsonl", [{"dna": 7, "label": "a"}])
    return (*TRAIN, file, "--kind", "dna")


@case("not-a-number")
def word_in_a_series(monkeypatch):
    return (*TRAIN, series_with([1.5, 2, "x"]), "--sequence", "signal", "--kind", "series")


@case("not-a-number")
def text_for_a_series(monkeypatch):
    return (*TRAIN, write_csv("train.csv", [("hello", "ham")]), "--kind", "series")


@case("nan-value")
def question_mark(monkeypatch):
    return (*TRAIN, ts_with("1.5,?:3,4:up"))


@case("nan-value")
def null_in_a_series(monkeypatch):
    return (*TRAIN, series_with([1.5, None, 2]), "--sequence", "signal")


@case("infinite-value")
def infinity(monkeypatch):
    return (*TRAIN, series_with([1.5, float("inf"), 2]), "--sequence", "signal")


@case("channel-count")
def another_channel(monkeypatch):
    return (*TRAIN, ts_with("1.5,2:3,4:5,6:up"))


SERIES = ("--kind", "series")


@case("channel-count")
def step_with_another_channel(monkeypatch):
    return (*TRAIN, series_with([[1.5], [2, 3]]), "--sequence", "signal", *SERIES)


@case("channel-count")
def record_with_another_channel(monkeypatch):
    return (*TRAIN, series_with([[1.5, 2], [2, 3]]), "--sequence", "signal", *SERIES)


@case("unknown-letter")
def letter_of_dna(monkeypatch):
    rows = [("ACGTACGTAC" + "ACGT"[i % 4] * i, "ab"[i % 2]) for i in range(24)]
    return (*TRAIN, write_csv("train.csv", [*rows, ("AC!T", "a")], ("dna", "label")))


@case("unknown-letter")
def letter_of_a_protein(monkeypatch):
    return (
        *TRAIN,
        write_csv("train.csv", [("MK1", "a")], ("protein", "label")),
        "--kind",
        "protein",
    )


# Settings and model folders


@case("bad-setting")
def pooling(monkeypatch):
    return (*TRAIN, good(), "--pooling", "nonsense")


@case("bad-setting")
def share_beside_validation(monkeypatch):
    return (*TRAIN, good(), "--valid", good("valid.csv"), "--valid-fraction", "0.5")


SETTINGS = [
    ("--epochs", "0"),
    ("--hidden-size", "0"),
    ("--dropout", "2"),
    ("--learning-rate", "nan"),
    ("--valid-fraction", "1"),
    ("--seed", "-1"),
    ("--max-length", "0"),
    ("--kmer", "9"),
    ("--kmer", "2"),  # for text
    ("--class-weight", "spam=x"),
    ("--class-weight", "spam=-1"),
    ("--class-weight", "eggs=2"),
    ("--class-weight", "heavy"),
]


@pytest.mark.parametrize(("option", "value"), SETTINGS)
def test_a_setting_that_does_not_exist(option, value):
    line = refused(run(*TRAIN, good(), option, value), "bad-setting")
    assert line.startswith(f"{option[2:].replace('-', '_')} is ")
    assert f" - change {option} [" in line
    assert not Path("model").exists()


@case("bad-setting")
def gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return (*TRAIN, good(), "--device", "cuda")


@case("bad-setting")
def labels_for_a_table(monkeypatch):
    return (*TRAIN, good(), "--labels-from", good("ids.csv"))


@case("bad-setting")
def time_that_cannot_be(monkeypatch):
    return (*TRAIN, good(), "--checkpoint-seconds", "nan")


@case("bad-setting")
def kind_that_does_not_exist(monkeypatch):
    return (*TRAIN, good(), "--kind", "txt")


@case("bad-setting")
def words_for_a_number(monkeypatch):
    return (*TRAIN, good(), "--epochs", "three\n")


@case("bad-usage")
def option_with_a_typo(monkeypatch):
    return (*TRAIN, good(), "--epoch", "3")


@case("bad-usage")
def flag_with_a_value(monkeypatch):
    return (*TRAIN, good(), "--skip-bad=yes")


@case("bad-usage")
def nothing_to_train_on(monkeypatch):
    return ("train", "--out", "model")


@case("bad-usage")
def nowhere_to_write(monkeypatch):
    return ("train", good())


@case("bad-usage")
def one_file_too_many(monkeypatch):
    return ("predict", "model", good(), "other\n.csv")


@case("bad-usage")
def command_with_a_typo(monkeypatch):
    return ("trian", good())


@case("bad-usage")
def option_before_the_command(monkeypatch):
    return ("--colour", *TRAIN, good())


@case("not-a-model")
def folder_of_something_else(monkeypatch):
    Path("results").mkdir()
    return ("predict", "results", good())


@case("not-a-model")
def file_for_a_model(monkeypatch):
    return ("evaluate", good(), good())


@case("not-a-model")
def no_such_model(monkeypatch):
    return ("predict", "results", good())


def change_config(**values):
    path = Path("results/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@case("newer-format")
def format_of_the_future(monkeypatch):
    file = saved_model(monkeypatch)
    change_config(format_version=3)
    return ("predict", "results", file)


@case("damaged-model")
def no_weights(monkeypatch):
    file = saved_model(monkeypatch)
    Path("results/model.safetensors").unlink()
    return ("predict", "results", file)


@case("damaged-model")
def changed_weights(monkeypatch):
    file = saved_model(monkeypatch)
    with Path("results/model.safetensors").open("ab") as weights:
        weights.write(b"\0")
    return ("evaluate", "results", file)


@case("damaged-model")
def config_of_something_else(monkeypatch):
    Path("results").mkdir()
    Path("results/config.json").write_text('{"model": "of another program"}')
    return ("predict", "results", good())


@case("diverged")
def a_loss_that_is_no_number(monkeypatch):
    def lose(*arguments, **settings):
        return torch.tensor(float("nan"), requires_grad=True)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", lose)
    return (*TRAIN, good())


def stopped(monkeypatch):
    """Leave a checkpoint behind."""
    train_batch = Training._train_batch

    def stop(training, batches):
        os.kill(os.getpid(), signal.SIGTERM)
        train_batch(training, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_train_batch", stop)
        assert run(*TRAIN, good(), "--patience", "3").code == 143
    return "train.csv"


@case("checkpoint-exists")
def training_anew_where_one_was_stopped(monkeypatch):
    return (*TRAIN, stopped(monkeypatch), "--patience", "3")


@case("checkpoint-mismatch")
def other_settings(monkeypatch):
    return (*TRAIN, stopped(monkeypatch), "--patience", "4", "--resume")


@case("checkpoint-mismatch")
def other_records(monkeypatch):
    stopped(monkeypatch)
    return (*TRAIN, table_with(b"new,ham"), "--patience", "3", "--resume")


@case("checkpoint-in-use")
def two_at_once(monkeypatch):
    def refuse(descriptor, operation):
        raise BlockingIOError

    monkeypatch.setattr("fcntl.flock", refuse)
    Path("model.checkpoints").mkdir()
    return (*TRAIN, good())


@case("damaged-checkpoint")
def cut_checkpoint(monkeypatch):
    file = stopped(monkeypatch)
    path = Path("model.checkpoints/00000001/tensors.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    return (*TRAIN, file, "--patience", "3", "--resume")


@case("out-of-memory")
def layers_that_fit_no_machine(monkeypatch):
    return (*TRAIN, good(), "--hidden-size", "1000000000")


@case("out-of-memory")
def file_that_fits_no_machine(monkeypatch):
    def fill(*arguments, **settings):
        raise MemoryError

    monkeypatch.setattr("seqwise.cli.gathering.gather", fill)
    return (*TRAIN, good())


@case("system-error")
def no_room_for_a_model_in_memory(monkeypatch):
    def refuse(*arguments, **settings):
        raise OSError(errno.EMFILE, "Too many open files", "/tmp/spill")

    monkeypatch.setattr("seqwise.cli.gathering.gather", refuse)
    return (*TRAIN, good())


def encoded():
    """Leave a store behind."""
    assert run("encode", good(), "-o", "store").code == 0
    return "store"


@case("damaged-store")
def cut_shard(monkeypatch):
    path = Path(encoded()) / "train-000000.arrow"
    path.write_bytes(path.read_bytes()[:-1])
    return (*TRAIN, "store")


@case("damaged-store")
def manifest_of_something_else(monkeypatch):
    Path(encoded(), "manifest.json").write_text("{}")
    return (*TRAIN, "store")


@case("store-unfinished")
def half_a_store(monkeypatch):
    Path(encoded(), "manifest.json").rename("store/progress.json")
    return (*TRAIN, "store")


@case("store-mismatch")
def other_settings_in_the_same_store(monkeypatch):
    encoded()
    return ("encode", "train.csv", "-o", "store", "--seed", "1")


@case("output-exists")
def something_else_where_a_store_is_to_be(monkeypatch):
    Path("results").mkdir()
    Path("results/novel.txt").touch()
    return ("encode", good(), "-o", "results")


@case("output-unwritable")
def a_store_in_a_folder_that_is_not_there(monkeypatch):
    return ("encode", good(), "-o", "no/store")


@case("newer-format")
def a_store_of_the_future(monkeypatch):
    path = Path(encoded(), "manifest.json")
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    return (*TRAIN, "store")


@case("bad-setting")
def settings_of_the_data_beside_a_store(monkeypatch):
    return (*TRAIN, encoded(), "--vocab-size", "20")


@case("bad-format")
def something_else_beside_tables(monkeypatch):
    Path("tables").mkdir()
    good("tables/1.csv")
    Path("tables/2.doc").touch()
    return (*TRAIN, "tables")


def torchrun(monkeypatch):
    """Let this process be the first of two."""
    for name, value in zip(distribution.ADDRESS, ("0", "2", "x", "1"), strict=True):
        monkeypatch.setenv(name, value)


@case("process-lost")
def nobody_to_meet(monkeypatch):
    def fail():
        raise torch.distributed.DistNetworkError("Connection refused")

    torchrun(monkeypatch)
    monkeypatch.setattr(distribution, "_meet", fail)
    return (*TRAIN, good())


@case("processes-differ")
def another_file_elsewhere(monkeypatch):
    def gather(world, content):
        return [content, content and b"other"]

    monkeypatch.setattr(distribution.World, "gather", gather)
    return (*TRAIN, good())


# The tests


def listing():
    return sorted(Path().rglob("*"))


@pytest.mark.parametrize(("code", "make"), CASES)
def test_bad_input(code, make, monkeypatch):
    arguments = make(monkeypatch)
    before = listing()
    outcome = run(*arguments)
    refused(outcome, code)
    assert outcome.out == ""
    assert listing() == before


QUIET = [each for each in CASES if each.values[1] is not file_to_inspect]


@pytest.mark.parametrize(("code", "make"), QUIET)
def test_nothing_but_the_error_with_quiet(code, make, monkeypatch):
    outcome = run(*make(monkeypatch), "--quiet")
    assert outcome.err == f"seqwise: {outcome.error}\n"


FILE_CODES = list(Code)[: list(Code).index(Code.WRONG_SHAPE)]
FILE_CASES = [
    pytest.param(*each.values, id=each.id) for each in CASES if each.values[0] in FILE_CODES
]


@pytest.mark.parametrize(("code", "make"), FILE_CASES)
def test_the_place_is_named(code, make, monkeypatch):
    arguments = make(monkeypatch)
    named = tuple(each for each in arguments[1:] if each not in SMALL)
    assert run(*arguments).error.startswith(named)


def shape_error():
    with pytest.raises(ShapeError) as caught:
        Batch(torch.zeros(8), torch.ones(8, dtype=torch.int64))
    return str(caught.value)


def example_of(code):
    return dict(ROW.findall(PAGE.read_text("utf-8")))[code].replace(r"\|", "|")


@pytest.mark.parametrize("code", list(Code))
def test_the_page_shows_what_the_program_says(code, monkeypatch):
    if code is Code.WRONG_SHAPE:
        line = shape_error()
    else:
        make = next(each.values[1] for each in CASES if each.values[0] == code)
        line = run(*make(monkeypatch)).error
    assert line == f"{example_of(code)} [{code}]"


# More than one problem


def test_the_first_few_are_listed_and_all_counted():
    outcome = run(*TRAIN, table_with(*[b",ham"] * 5, b"x,y,z", b"a,"))
    assert outcome.code == 2
    told = outcome.err[outcome.err.index("seqwise: ") :].splitlines()
    assert len(told) == 6
    assert told[0].startswith("seqwise: train.csv:10 (record 9), column text: an empty sequence")
    assert told[4].startswith("train.csv:14 (record 13), column text: an empty sequence")
    assert told[5] == "and 2 more"
    assert not Path("model").exists()


def test_bad_records_of_the_validation_file_are_an_error():
    valid = table_with(b",ham", name="valid.csv")
    line = refused(run(*TRAIN, good(), "--valid", valid), "empty-sequence")
    assert line.startswith("valid.csv:10 (record 9), column text: ")
    assert run(*TRAIN, good(), "--valid", valid, "--skip-bad").code == 0


def test_what_makes_it_impossible_to_read_on_is_an_error_with_skip_bad(monkeypatch):
    for make in (cut_gzip, open_quote):
        assert run(*make(monkeypatch), "--skip-bad").code == 2
    assert not Path("model").exists()


@pytest.mark.parametrize(
    ("wanted", "near"), [("txt", "text"), ("TEXT", "text"), ("labels", "label"), ("zzz", None)]
)
def test_near_misses_of_columns(wanted, near):
    line = refused(run(*TRAIN, good(), "--sequence", wanted), "column-missing")
    assert f"no column '{wanted}' - one of 'text', 'label' - " in line
    assert (f"did you mean '{near}'?" in line) == (near is not None)


def test_user_data_is_escaped_and_short():
    file = write_csv("train.csv", [("a", "[red]\x1b[31m" + "x" * 100), ("b", "c"), ("d", "c")])
    line = refused(run(*TRAIN, file), "rare-class")
    assert "'[red]\\x1b[31m" + "x" * 26 + "…'" in line


LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments", [("predict", LONG), ("inspect", LONG), ("train", "a", "--out", LONG)]
)
def test_a_name_that_is_too_long(arguments):
    assert run(*arguments).code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("trian",),
            f"one of {COMMANDS} - did you mean train?",
        ),
        (
            ("walk",),
            f"no command 'walk' - one of {COMMANDS} - see",
        ),
        (("train", "a", "--out"), "option '--out' requires an argument - what seqwise train takes"),
        (("train",), "no FILE... - files, folders of files, or a folder label/*.txt - see"),
        (
            (*TRAIN, "a", "--enc", "gru"),
            "seqwise train has no option '--enc' - one that it has - did you mean --encoder?",
        ),
        ((*TRAIN, "a", "--kind", "txt"), "--kind is 'txt' - one of text, dna, protein, series,"),
        ((*TRAIN, "a", "--dropout", "x"), "--dropout is 'x' - a number - change --dropout"),
        ((*TRAIN, "a", "--seed", "1.5"), "--seed is '1.5' - a whole number - change --seed"),
    ],
)
def test_wrong_usage(arguments, told):
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.error


def test_an_error_that_is_no_user_s_fault_shows_where_it_comes_from(monkeypatch):
    def fail(*arguments, **settings):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("seqwise.cli.gathering.gather", fail)
    with pytest.raises(RuntimeError, match="of ours"):
        run(*TRAIN, good())


@pytest.mark.parametrize(
    ("command", "option"),
    [("train table.csv", "--out"), ("encode table.csv", "-o"), ("predict model table.csv", "-o")],
)
def test_an_option_is_no_name_to_write_to(table, command, option):
    line = refused(run(*command.split(), option, "--quiet"), "bad-usage")
    assert line.startswith("no --out")
    assert os.listdir() == ["table.csv"]
