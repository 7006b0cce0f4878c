"""`seqwise encode`, and `train` on a store, on many files and on a file that is too large."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seqwise.cli import gathering
from seqwise.training.loop import Training
from tests.cli.conftest import refused, run, texts, train, write_csv, write_jsonl, write_parquet

TWO_EPOCHS = ("--epochs", "2", "--batch-size", "8", "--seed", "3")
EACH_STEP = ("--checkpoint-seconds", "0")


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def model_of(folder):
    """What a model consists of, but for the time that it took."""
    files = bytes_of(folder)
    config = json.loads(files.pop("config.json"))
    del config["sha256"]["config.json"], config["training"]["seconds"], config["training"]["file"]
    return files, config


def write_series(path):
    random = np.random.default_rng(0)
    rows = [
        {
            "values": (random.normal(size=(random.integers(3, 9), 2)) + index % 2).tolist(),
            "label": "ab"[index % 2],
        }
        for index in range(30)
    ]
    return write_jsonl(path, rows)


def good(outcome):
    assert outcome.code == 0, outcome.err
    return outcome


# A store


@pytest.mark.parametrize("refit", ["--refit", "--keep-best"])
@pytest.mark.parametrize("kind", ["text", "series"])
def test_a_store_gives_the_model_of_its_file_to_the_bit(kind, refit):
    file = write_csv("table.csv", texts(40)) if kind == "text" else write_series("table.jsonl")
    how = ("--kind", kind, "--max-length", "5", refit, "--valid-fraction", "0.2")
    good(train(file, *TWO_EPOCHS, *how, out="direct"))
    good(run("encode", file, "-o", "store", "--seed", 3, *how))
    good(train("store", "--epochs", 2, "--batch-size", 8, out="stored"))
    assert model_of("direct") == model_of("stored")
    assert "store" in os.listdir()


def test_a_store_with_a_validation_file(table):
    valid = write_csv("valid.csv", texts(6))
    good(train(table, *TWO_EPOCHS, "--valid", valid, out="direct"))
    good(run("encode", table, "--valid", valid, "-o", "store", "--seed", 3))
    good(train("store", *TWO_EPOCHS, out="stored"))
    assert model_of("direct") == model_of("stored")


def test_what_encode_says(table):
    told = good(run("encode", table, "-o", "store", "--max-length", 2)).told
    assert "records 18 to learn from, 6 to choose the epoch" in told
    assert "sequences cut at 2 steps" in told
    assert "store in store next: seqwise train store --out MODEL" in told
    assert good(run("encode", table, "-o", "store", "--max-length", 2, "--quiet")).err == ""


def test_what_is_in_a_store(table):
    good(run("encode", table, "-o", "store"))
    shown = good(run("inspect", "store")).shown
    assert "encoded from table.csv: text, column 'text'" in shown
    assert "classes 2: ham 12, spam 12" in shown
    assert "split 25% held out, seed 0" in shown
    assert "refit all records are there for one" in shown
    found = good(run("inspect", "store", "--json")).json
    assert found["counts"] == {"train": 18, "valid": 6, "whole": 24}
    assert found["class_counts"] == {"ham": 12, "spam": 12}
    assert found["num_steps"] == 72
    assert found["data"]["kind"] == "text"


@pytest.mark.parametrize(
    "wish",
    [
        ("--vocab-size", "7"),
        ("--valid-fraction", "0.3"),
        ("--kind", "text"),
        ("--valid", "table.csv"),
        ("--label", "label"),
    ],
)
def test_what_was_settled_when_encoding_cannot_be_changed(table, wish):
    good(run("encode", table, "-o", "store"))
    refused(train("store", *wish), "bad-setting")
    refused(run("inspect", "store", table), "bad-setting")
    assert not Path("model").exists()


def test_a_refit_needs_its_part_of_the_store(table):
    good(run("encode", table, "-o", "store", "--keep-best"))
    assert "encode with --refit" in refused(train("store", "--refit"), "bad-setting")


def test_an_interrupted_encoding_says_how_to_go_on(table, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seqwise.data.disk.write_shard", interrupt)
        outcome = run("encode", table, "-o", "store", "--quiet")
    assert outcome.code == 130
    assert outcome.err == "seqwise: interrupted; the same command goes on from store\n"
    good(run("encode", table, "-o", "store"))


PROGRAM = """
from seqwise.data import disk, encoding
disk.SHARD_RECORDS = encoding.BLOCK_RECORDS = 20
from seqwise.cli import main
main()
"""


def spawn(*arguments):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def test_a_killed_process_is_gone_on_with_to_the_same_bytes():
    write_csv("table.csv", texts(400))
    assert spawn("encode", "table.csv", "-o", "whole", "--keep-best").wait() == 0
    for count in (2, 12):
        process = spawn("encode", "table.csv", "-o", "store", "--keep-best")
        while len(list(Path("store").glob("*.arrow"))) < count and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        refused(train("store"), "store-unfinished")
    assert spawn("encode", "table.csv", "-o", "store", "--keep-best").wait() == 0
    assert bytes_of("store") == bytes_of("whole")


def test_a_store_that_the_user_has_made_is_kept(table):
    good(run("encode", table, "-o", "model.encoded"))
    before = bytes_of("model.encoded")
    good(train("model.encoded"))
    assert bytes_of("model.encoded") == before


# Many files


def test_many_files_are_one_data_set():
    rows = texts(60)
    whole = write_csv("whole.csv", rows)
    Path("parts").mkdir()
    write_csv("parts/1.csv", rows[:20])
    write_jsonl("parts/2.jsonl", [{"text": text, "label": label} for text, label in rows[20:40]])
    write_parquet("parts/3.parquet", *zip(*rows[40:], strict=True))
    good(train(whole, *TWO_EPOCHS, out="from-one"))
    good(train("parts", *TWO_EPOCHS, out="from-folder"))
    good(train(*sorted(map(str, Path("parts").iterdir())), *TWO_EPOCHS, out="from-many"))
    good(run("encode", "parts", "-o", "store", "--seed", 3))
    good(train("store", *TWO_EPOCHS, out="from-store"))
    for out in ("from-folder", "from-many", "from-store"):
        assert model_of(out) == model_of("from-one")
    found = good(run("evaluate", "from-one", "parts", "--json")).json
    assert found["num_records"] == 60


def test_standard_input_can_be_read_once_and_is_enough(table):
    good(train(table, *TWO_EPOCHS, "--kind", "text", out="direct"))
    content = Path(table).read_text()
    how = ("--kind", "text", "--format", "csv")
    good(train("-", *TWO_EPOCHS, *how, out="piped", stdin=content))
    good(run("encode", "-", "-o", "store", "--seed", 3, *how, stdin=content))
    good(train("store", *TWO_EPOCHS, out="stored"))
    assert model_of("piped") == model_of("stored") == model_of("direct")


# Too large for memory


@pytest.fixture
def all_is_large(monkeypatch):
    monkeypatch.setattr(gathering, "RECORDS_IN_MEMORY", 10)


def test_a_large_file_goes_through_a_store(table, monkeypatch):
    good(train(table, *TWO_EPOCHS, out="small"))
    monkeypatch.setattr(gathering, "RECORDS_IN_MEMORY", 10)
    told = good(train(table, *TWO_EPOCHS, out="large")).told
    assert "store more than a million records" in told
    assert "encoded into large.encoded, until the model is there" in told
    assert model_of("small") == model_of("large")
    assert sorted(os.listdir()) == ["large", "small", "table.csv"]
    found = good(run("inspect", table, "--json")).json
    assert "store first" in found["training"]["training"]


def test_many_characters_are_large_too(table, monkeypatch):
    monkeypatch.setattr(gathering, "SIZE_IN_MEMORY", 200)
    assert "large.encoded" in good(train(table, out="large")).told


def test_a_stopped_training_finds_its_store_again(table, all_is_large, monkeypatch):
    good(train(table, *TWO_EPOCHS, out="whole"))
    original, count = Training._train_batch, []

    def train_batch(training, batches):
        count.append(1)
        if len(count) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        original(training, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_train_batch", train_batch)
        assert train(table, *TWO_EPOCHS, *EACH_STEP).code == 143
    assert Path("model.encoded").is_dir()
    with monkeypatch.context() as patch:
        # Nothing is encoded a second time.
        patch.setattr("seqwise.data.disk.write_shard", None)
        good(train(table, *TWO_EPOCHS, "--resume"))
    assert model_of("model") == model_of("whole")
    assert sorted(os.listdir()) == ["model", "table.csv", "whole"]


def test_a_store_left_behind_by_something_else_is_replaced(table, all_is_large):
    good(run("encode", table, "-o", "model.encoded", "--vocab-size", 11))
    good(train(table, *TWO_EPOCHS))
    assert not Path("model.encoded").exists()


MEASURED = """
import sys
from functools import partial
from seqwise.data.kinds import Kind
from seqwise.data.records import read_records
from seqwise.data.sampler import BucketSampler
from seqwise.training.gathering import gather
from seqwise.training.preparation import prepare
from seqwise.training.settings import Wishes
from tests.memory import peak_megabytes

for path in sys.argv[1:]:
    read = partial(read_records(path).checked, Kind.EVENTS)
    records = gather(read, Kind.EVENTS, skip_bad=False)
    prepared = prepare(records, Kind.EVENTS, Wishes(), store=path + ".store")
    lengths = prepared.train.sequences.lengths
    sampler = BucketSampler(lengths, batch_size=64, batch_steps=16_384, seed=0)
    assert sum(map(len, sampler.batches(0))) == len(prepared.train.targets)
    print(peak_megabytes())
"""


def test_memory_does_not_grow_with_the_records():
    """Their sequences alone take 45 MB as Python's strings, and 2 MB when they are encoded."""
    random = np.random.default_rng(0)
    names = [f"{n:040}" for n in range(100)]
    for name, count in (("small", 10_000), ("large", 100_000)):
        chosen = random.integers(0, 100, (count, 10)).tolist()
        rows = [(" ".join([names[n] for n in row]), "ab"[row[0] > 50]) for row in chosen]
        write_csv(f"{name}.csv", rows)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "small.csv", "small.csv", "large.csv"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    _, small, large = map(int, done.stdout.split())
    assert large - small < 25  # 18 to 20 MB: hashes, lengths, and the order of an epoch
