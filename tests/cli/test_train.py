"""`seqwise train`: what it says, what it writes, what its options change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
import torch

from seqwise.config import Encoder
from seqwise.training.run import TrainingRun
from tests.cli.conftest import refused, run, texts, train, write_csv, write_jsonl


def config(folder="model"):
    return json.loads(Path(folder, "config.json").read_text())


def weights(folder):
    return Path(folder, "model.safetensors").read_bytes()


def test_a_model_folder_and_nothing_else(table, work):
    outcome = train(table)
    assert (outcome.code, outcome.out) == (0, "")
    assert sorted(path.name for path in work.iterdir()) == ["model", "table.csv"]
    assert sorted(path.name for path in Path("model").iterdir()) == [
        "codec.json",
        "config.json",
        "labels.json",
        "model.safetensors",
    ]


def test_what_is_said(table):
    told = train(table, "--epochs", "2").told
    assert "file table.csv (csv), sequences in 'text', labels in 'label'\n" in told
    assert "kind text (a guess: " in told
    assert "classes 2\n" in told
    training = config()["training"]
    assert f"records {training['num_train']} to learn from, {training['num_valid']} to " in told
    assert f"best epoch {training['best_epoch']} of 2; on the {training['num_valid']} " in told
    assert f"accuracy {training['valid_accuracy']:.4f}, " in told
    assert f"macro F1 {training['valid_macro_f1']:.4f}, log loss " in told
    assert "model in model next: seqwise evaluate model FILE" in told


def test_unknown_tokens_of_the_part_held_out_are_told(table):
    valid = write_csv("valid.csv", [("good unheard of day", "ham"), ("cash", "spam")])
    assert "; 40.0% of those held out are unknown" in train(table, "--valid", valid).err


def test_quiet_says_nothing(table):
    assert train(table, "--quiet") == train(table, "-q", out="other")
    assert train(table, "-q", out="third").err == ""


def test_the_same_seed_gives_the_same_weights(table):
    for out, seed in (("first", "1"), ("second", "1"), ("third", "2")):
        assert train(table, "--seed", seed, "--epochs", "2", out=out).code == 0
    assert weights("first") == weights("second")
    assert weights("first") != weights("third")


def test_valid_chooses_the_epoch(table):
    valid = write_csv("valid.csv", texts(7))
    told = train(table, "--valid", valid).err
    assert "24 to learn from, 7 to choose the epoch" in told
    assert config()["training"]["num_valid"] == 7


def test_a_refit_is_told(table):
    told = train(table, "--epochs", "2").told
    best = config()["training"]["best_epoch"]
    assert "refit as many epochs as the best one took, anew on all 24 records\n" in told
    assert (
        f"refit anew on all records, up to epoch {best}; the result above has the scores before "
        "the refit, on records held out\n" in told
    )
    assert config()["train"]["refit"]
    assert config()["training"]["refitted"]


def test_the_model_of_the_best_epoch_may_be_kept(table):
    assert "refit" not in train(table, "--keep-best").told
    assert not config()["train"]["refit"]
    assert not config()["training"]["refitted"]
    train(table, "--refit", out="other")
    assert weights("model") != weights("other")


def test_valid_leaves_nothing_to_refit_with(table):
    valid = write_csv("valid.csv", texts(7))
    assert "refit" not in train(table, "--valid", valid).told
    said = refused(train(table, "--valid", valid, "--refit", out="other"), "bad-setting")
    assert "leave out --refit or --valid" in said
    assert not Path("other").exists()


def test_valid_may_be_the_file_itself(table):
    assert "24 to learn from, 24 to choose the epoch" in train(table, "--valid", table).err


@pytest.mark.parametrize("encoder", get_args(Encoder))
def test_every_encoder_is_trained_described_and_used(table, encoder):
    small = ("--hidden-size", 8, "--embedding-dim", 8, "--epochs", 1, "--keep-best")
    assert train(table, "--encoder", encoder, *map(str, small)).code == 0
    assert config()["model"]["encoder"] == encoder
    assert f"shape {encoder} (" in run("inspect", "model").shown
    assert run("predict", "model", table).code == 0


def test_the_help_names_every_encoder():
    shown = run("train", "--help").out
    assert all(encoder in shown for encoder in get_args(Encoder))


def test_settings_are_saved(table):
    options = {
        "--encoder": "gru",
        "--pooling": "attention+max",
        "--num-layers": 2,
        "--dropout": 0.25,
        "--num-positions": 5,
        "--kernel-size": 3,
        "--stride": 2,
        "--patience": 3,
        "--batch-size": 7,
        "--batch-steps": 500,
        "--window": 300,
        "--token-dropout": 0.2,
        "--learning-rate": 0.004,
        "--warmup-fraction": 0.3,
        "--weight-decay": 0.02,
        "--clip-norm": 2.5,
        "--label-smoothing": 0.125,
        "--valid-fraction": 0.3,
        "--seed": 5,
        "--device": "cpu",
        "--tokens": "characters",
        "--vocab-size": 77,
        "--min-count": 2,
        "--max-length": 9,
    }
    given = [str(part) for pair in options.items() for part in pair]
    flags = ("--one-direction", "--case", "keep", "--keep-best")
    assert train(table, *given, *flags, "--class-weight", "balanced").code == 0
    saved = {**config()["data"], **config()["model"], **config()["train"]}
    for option, value in options.items():
        if option != "--vocab-size":  # the model's own follows from the codec
            assert saved[option.removeprefix("--").replace("-", "_")] == value
    assert config()["data"]["vocab_size"] == 77
    assert (saved["bidirectional"], saved["case"], saved["refit"]) == (False, "keep", False)
    assert saved["class_weight"] == "balanced"
    assert saved["epochs"] == 1


def test_kmer():
    rows = [("ACGT" * 3 + "ACGT"[i % 4] * i, "ab"[i % 2]) for i in range(12)]
    file = write_csv("dna.csv", rows, ("sequence", "label"))
    assert train(file, "--kmer", "2").code == 0
    assert config()["data"]["kmer"] == 2


@pytest.mark.parametrize(
    ("tokens", "told"),
    [("words", "words"), ("characters", "characters"), ("bytes", "bytes"), ("bpe", "byte-pair")],
)
def test_tokens(table, tokens, told):
    assert f"steps {told}" in train(table, "--tokens", tokens).told
    assert run("evaluate", "model", table, "--json").code == 0


def test_class_weight_as_a_table(table):
    options = ("--batch-size", "2", "--learning-rate", "0.05")
    train(table, "--class-weight", "spam=100,ham=0.01", *options)
    assert config()["train"]["class_weight"] == {"spam": 100, "ham": 0.01}
    train(table, "--class-weight", "ham=100,spam=0.01", *options, out="other")
    spam, ham = (run("predict", out, table, "--probabilities").rows for out in ("model", "other"))
    for one, other in zip(spam, ham, strict=True):
        assert float(one["probability:spam"]) > float(other["probability:spam"]) + 0.2


def test_labels_with_commas_have_weights_and_thresholds():
    rows = [(text, {"ham": "ham, eggs", "spam": "a=b"}[label]) for text, label in texts(40)]
    file = write_csv("meals.csv", rows)
    weights = '"ham, eggs=3",a=b=0.5'
    assert train(file, "--class-weight", weights).code == 0
    assert config()["train"]["class_weight"] == {"ham, eggs": 3, "a=b": 0.5}
    found = run("evaluate", "model", file, "--threshold", '"ham, eggs=0"', "--json").json
    assert found["per_class"][1]["recall"] == 1
    refused(run("evaluate", "model", file, "--threshold", "ham, eggs=0"), "bad-setting")


def test_class_weights_that_are_chosen(table):
    told = train(table, "--class-weight", "auto").told
    assert "balance class weights none and balanced are tried, 1 epoch each" in told
    chosen, tried = config()["train"]["class_weight"], config()["training"]["tried_weights"]
    assert chosen == ("balanced" if tried["balanced"] > tried["none"] else "none")
    both = f"none {tried['none']:.4f}, balanced {tried['balanced']:.4f}"
    assert f"balance macro F1 with class weights {both}: {chosen} it is\n" in told
    shown = run("inspect", "model").shown
    assert f"balance class weights {chosen}, by the macro F1 of short trainings ({both})\n" in shown
    assert run("inspect", "model", "--json").json["training"]["tried_weights"] == tried


def test_what_was_tried_is_told(table, monkeypatch):
    begin_stage = TrainingRun._begin_stage

    def spoil(run):
        begin_stage(run)
        if run.is_trying and run.shape.encoder == "convolution":
            torch.nn.init.constant_(run.training.model.head.weight, float("nan"))

    monkeypatch.setattr(TrainingRun, "_begin_stage", spoil)
    done = run("train", table, "--out", "model", "--epochs", "2", "--embedding-dim", "4")
    assert done.code == 0
    tried = config()["training"]["tried"]
    assert tried["convolution"] is None
    assert (
        f"tried accuracy of lstm {tried['lstm']:.4f}, convolution diverged: lstm it is" in done.told
    )
    shown = run("inspect", "model").shown
    both = f"lstm {tried['lstm']:.4f}, convolution diverged"
    assert f"tried {both}: accuracy of short trainings\n" in shown
    assert f"each alone network {config()['training']['network_accuracy']:.4f}, linear" in shown


def test_that_nothing_is_tried_is_told(table, monkeypatch):
    monkeypatch.setattr("seqwise.training.run.time_epoch", lambda training: 1.0)
    done = run("train", table, "--out", "model", "--epochs", "9", "--budget", "1s")
    assert "tries lstm alone: the budget has no time for others\n" in done.told


def test_a_budget_that_ends_the_further_networks_is_told(table, monkeypatch):
    monkeypatch.setattr(TrainingRun, "_is_late", lambda run: len(run.finished) == 1)
    done = train(table, "--num-networks", "3", "--epochs", "1")
    assert "budget spent after 1 of the 3 trainings that were to follow" in done.told


def test_class_weights_that_were_given_are_shown(table):
    for given, shown in (("balanced", "balanced"), ("spam=2,ham=0.5", "spam 2, ham 0.5")):
        train(table, "--class-weight", given, "--overwrite")
        assert f"balance class weights {shown}\n" in run("inspect", "model").shown
    train(table, "--overwrite")
    assert "balance" not in run("inspect", "model").shown


def test_max_length_reports_what_it_cuts(table):
    valid = write_csv("valid.csv", [("good", "ham"), ("win cash now", "spam")])
    assert (
        "; 25 sequences cut at 2 steps" in train(table, "--max-length", "2", "--valid", valid).err
    )
    assert "cut" not in train(table, "--max-length", "3", out="other").err


def test_a_window_is_told(table):
    assert "sequences are longer than 2 steps: an epoch reads a part of each" in (
        train(table, "--window", "2").err
    )


def test_skip_bad_reports_what_it_drops():
    file = write_csv("bad.csv", [*texts(12), *[("", "ham")] * 7, ("hi", "")])
    told = train(file, "--skip-bad").told
    left_out = [line for line in told.splitlines() if line.startswith("left out ")]
    assert len(left_out) == 6
    assert left_out[0].startswith("left out bad.csv:14 (record 13), column text: an empty")
    assert left_out[-1] == "left out and 3 more"
    assert config()["training"]["num_train"] + config()["training"]["num_valid"] == 12


def test_skip_bad_leaves_a_class_of_one_record_out():
    train(write_csv("rare.csv", [*texts(12), ("alone", "rare")]), "--skip-bad")
    assert json.loads(Path("model/labels.json").read_text()) == ["ham", "spam"]


def test_skip_bad_reports_a_class_of_one_record():
    told = train(write_csv("rare.csv", [*texts(12), ("alone", "rare")]), "--skip-bad").err
    assert "the class 'rare' has 1 record" in told


def test_overwrite_replaces_a_model(table):
    assert train(table, "--seed", "1").code == 0
    first = weights("model")
    assert refused(train(table, "--seed", "2"), "output-exists")
    assert weights("model") == first
    assert train(table, "--seed", "2", "--overwrite").code == 0
    assert weights("model") != first
    assert sorted(path.name for path in Path().iterdir()) == ["model", "table.csv"]


def test_the_output_is_checked_before_anything_is_read():
    Path("model").mkdir()
    assert refused(train("missing.csv"), "output-exists")


def test_overwrite_keeps_the_model_when_training_fails(table):
    train(table)
    first = weights("model")
    assert refused(train(table, "--overwrite", "--class-weight", "eggs=2"), "bad-setting")
    assert weights("model") == first


@pytest.mark.parametrize("name", ["file", "folder"])
def test_overwrite_spares_what_is_no_model(table, name):
    Path("file").write_text("precious")
    Path("folder").mkdir()
    Path("folder/precious").touch()
    assert refused(train(table, "--overwrite", out=name), "output-exists")
    assert Path("file").read_text() == "precious"
    assert Path("folder/precious").exists()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: "\ufeff" + text, id="byte-order-mark"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="crlf"),
        pytest.param(lambda text: text.rstrip("\n"), id="no-last-line-end"),
        pytest.param(lambda text: text.replace("\n", "\n\n"), id="blank-lines"),
    ],
)
def test_what_makes_no_difference(table, change):
    text = Path(table).read_text()
    Path("changed.csv").write_bytes(change(text).encode())
    assert train(table, out="expected").code == train("changed.csv").code == 0
    assert weights("model") == weights("expected")


def test_labels_that_look_like_the_same_number():
    train(
        write_csv("a.csv", [(text, {"ham": "1", "spam": "01"}[label]) for text, label in texts()])
    )
    assert json.loads(Path("model/labels.json").read_text()) == ["01", "1"]


def test_from_standard_input(table):
    train(table, "--kind", "text", out="expected")
    for kind in ((), ("--kind", "text")):
        outcome = train("-", *kind, "--overwrite", stdin=Path(table).read_text())
        assert outcome.code == 0
        assert weights("model") == weights("expected")


def test_a_class_with_the_name_of_a_markup():
    pairs = [(text, {"ham": "[/b]", "spam": "[bold]"}[label]) for text, label in texts()]
    file, valid = write_csv("a.csv", pairs), write_csv("v.csv", [("new", "[bold]")])
    outcome = train(file, "--valid", valid)
    assert outcome.code == 0, outcome
    assert "no record of '[/b]' chooses the epoch" in outcome.told


def test_a_file_beside_standard_input_is_named(table):
    bad = "text,label\na b,ham\n,ham\n"
    line = refused(train(table, "-", "--format", "csv", stdin=bad), "empty-sequence")
    assert line.startswith("-:3 (record 2)")


@pytest.fixture
def with_bfloat16(work, monkeypatch):
    """Torch computes in bfloat16 anywhere; where the processor has it not, slowly."""
    Path("cpuinfo").write_text("flags : avx512_bf16")
    monkeypatch.setattr("seqwise.nn.precision.PROCESSORS", Path("cpuinfo"))


def test_bfloat16(table, with_bfloat16):
    options = ("--device", "cpu", "--hidden-size", "8", "--batch-size", "8", "--linear")
    options += ("--encoder", "mingru")  # whose kernels every processor has
    train(table, *options, out="exact")
    assert train(table, *options, "--precision", "bfloat16").code == 0
    config = json.loads(Path("model/config.json").read_text())
    assert config["train"]["precision"] == "bfloat16"
    weights = [Path(each, "model.safetensors").read_bytes() for each in ("exact", "model")]
    assert len(weights[0]) == len(weights[1])  # float32 still
    assert weights[0] != weights[1]
    probabilities = [
        [float(row["probability"]) for row in run("predict", "model", table, *how).rows]
        for how in ((), ("--precision", "float32"), ("--precision", "bfloat16"))
    ]
    assert probabilities[0] == probabilities[1] != probabilities[2]
    assert probabilities[2] == pytest.approx(probabilities[0], abs=0.01)
    how = ("--json", "--precision", "bfloat16")
    scores = [run("evaluate", "model", table, *each).json for each in (how[:1], how)]
    assert scores[0]["log_loss"] != scores[1]["log_loss"]


def test_bfloat16_that_gains_nothing(table, with_bfloat16):
    options = ("--device", "cpu", "--precision", "bfloat16")
    line = refused(train(table, *options, "--encoder", "gru"), "bad-setting")
    assert "slower for gru on a CPU - float32 - leave out --precision" in line
    Path("cpuinfo").write_text("flags : avx2")
    assert "slower on a processor" in refused(train(table, *options), "bad-setting")
    train(table, "--device", "cpu")
    refused(run("predict", "model", table, *options), "bad-setting")
    assert refused(train(table, "--precision", "half"), "bad-setting").startswith("--precision")


def test_changes_of_another_kind_are_refused(table):
    for option in ("--jitter", "--scaling", "--mutation", "--strand-flip"):
        assert f"change {option} " in refused(train(table, option, "0.5"), "bad-setting")


def test_dna_and_series_are_changed_in_training():
    rows = [
        ("ACGTTGCA" * (1 + index % 3) + "AC"[index % 2], "pq"[index % 2]) for index in range(24)
    ]
    file = write_csv("dna.csv", rows, ("dna", "label"))
    options = ("--mutation", "0.1", "--strand-flip", "0.5", "--average-decay", "0.9", "--refit")
    assert train(file, *options).code == 0
    said = config()["train"]
    assert (said["mutation"], said["strand_flip"], said["average_decay"]) == (0.1, 0.5, 0.9)
    assert train(file, out="plain").code == 0
    assert weights("model") != weights("plain")
    series = [{"signal": [0.5 * n, 1.0, 2.0], "label": "pq"[n % 2]} for n in range(24)]
    options = ("--jitter", "0.1", "--scaling", "0.2", "--kind", "series")
    assert train(write_jsonl("series.jsonl", series), *options, out="series").code == 0
    said = config("series")["train"]
    assert (said["jitter"], said["scaling"], said["token_dropout"]) == (0.1, 0.2, 0.0)
