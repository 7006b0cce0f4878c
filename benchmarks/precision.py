"""What bfloat16 gains and what it costs, encoder by encoder and on real files.

    python benchmarks/precision.py [--data ../shared/data] [--threads 1] [--seeds 3]

Speed: each encoder trains and infers on the same log-normal lengths (256 sequences, median 64,
longest 600, batches of 32, in order of length) in float32 and bfloat16 by turns; the least time of
the processor counts, which hardly depends on what else the machine does. Accuracy: a fifth of each
training file is held out; of the rest training chooses the epoch as ever (an LSTM, 8 epochs, no
refit). Test files are not read. Writes benchmarks/results/precision.json and the tables of
docs/design/0020-bfloat16.md; skips accuracy in a clear line where there is no data.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from seqwise import Predictor, SequenceClassifier
from seqwise.cli.files import open_for_training
from seqwise.cli.options import FileOptions
from seqwise.config import Encoder, ModelConfig, Precision
from seqwise.data.records import Record, check_records
from seqwise.nn import Batch, SequenceModel, in_precision
from seqwise.speed.machine import describe_machine

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "precision.json"
PAGE = ROOT / "docs" / "design" / "0020-bfloat16.md"
BEGIN, END = "<!-- made by benchmarks/precision.py -->", "<!-- end -->"
CPU = torch.device("cpu")
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
ENCODERS: tuple[str, ...] = get_args(Encoder)
HIDDEN_SIZES = (128, 256)
NUM_SEQUENCES, BATCH_SIZE, TURNS = 256, 32, 4
NAMES = ("sms_spam", "trec6", "splice")
HELD_OUT, HELD_OUT_SEED, EPOCHS = 0.2, 7, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result: dict[str, Any] = {"machine": describe_machine(), "speed": {}, "accuracy": {}}
    for encoder in ENCODERS:
        sizes = HIDDEN_SIZES if encoder == "lstm" else HIDDEN_SIZES[:1]
        for size in sizes:
            result["speed"][f"{encoder}, {size}"] = measure_speed(encoder, size)
            print(encoder, size, json.dumps(result["speed"][f"{encoder}, {size}"]), flush=True)
    if not arguments.data.is_dir():
        print(f"accuracy is skipped: there is no folder {arguments.data}")
    for name in NAMES if arguments.data.is_dir() else ():
        file = arguments.data / name / "train.csv.gz"
        cells = [measure_accuracy(file, seed) for seed in range(arguments.seeds)]
        result["accuracy"][name] = cells
        print(name, json.dumps(cells), flush=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    write_page(result)


def make_batches() -> list[Batch]:
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(np.log(64), 0.8, NUM_SEQUENCES).astype(np.int64), 1, 600)
    lengths = torch.from_numpy(np.sort(lengths)[::-1].copy())
    torch.manual_seed(0)
    return [
        Batch(
            torch.randint(2, 1_000, (len(each), int(each.max()))), each, torch.arange(len(each)) % 3
        )
        for each in lengths.split(BATCH_SIZE)
    ]


def measure_speed(encoder: str, hidden_size: int) -> dict[str, Any]:
    """Give thousand real steps a second, and how far logits and gradients are apart."""
    shape = {"encoder": encoder, "hidden_size": hidden_size, "dropout": 0.0}
    torch.manual_seed(0)
    config = ModelConfig.from_dict({"num_classes": 3, "vocab_size": 1_000, **shape})
    model = SequenceModel.from_config(config)
    batches = make_batches()
    num_steps = sum(int(batch.lengths.sum()) for batch in batches)

    def train(precision: Precision) -> None:
        for batch in batches:
            model.zero_grad()
            with in_precision(precision, CPU):
                logits = model(batch)
            torch.nn.functional.cross_entropy(logits, batch.targets).backward()

    @torch.inference_mode()
    def infer(precision: Precision) -> torch.Tensor:
        with in_precision(precision, CPU):
            return torch.cat([model(batch) for batch in batches])

    found: dict[str, Any] = {}
    works: dict[str, Callable[[Precision], Any]] = {"train": train, "infer": infer}
    for name, work in works.items():
        model.train(name == "train")
        seconds = {precision: measure_turns(work, precision) for precision in PRECISIONS}
        for _ in range(TURNS - 1):
            for precision in PRECISIONS:
                seconds[precision] = min(seconds[precision], measure_turns(work, precision))
        speeds = {precision: num_steps / each / 1e3 for precision, each in seconds.items()}
        found[name] = {**speeds, "ratio": speeds["bfloat16"] / speeds["float32"]}
    apart = (infer("bfloat16") - infer("float32")).abs().max()
    return {**found, "logits_apart": float(apart)}


def measure_turns(work: Callable[[Precision], Any], precision: Precision) -> float:
    begun = time.process_time()
    work(precision)
    return time.process_time() - begun


def measure_accuracy(file: Path, seed: int) -> dict[str, Any]:
    """Train in each precision; score each model in both."""
    source = open_for_training([str(file)], FileOptions())
    records = list(source.records.checked(source.kind))
    order = np.random.default_rng(HELD_OUT_SEED).permutation(len(records))
    held_out, rest = np.split(order, [int(HELD_OUT * len(records))])
    truth = [records[index].label for index in held_out]
    cells: dict[str, Any] = {}
    for trained in PRECISIONS:
        classifier = SequenceClassifier(
            encoder="lstm",
            epochs=EPOCHS,
            refit=False,
            seed=seed,
            device="cpu",
            precision=trained,
            kind=str(source.kind),
        )
        begun = time.process_time()
        classifier.fit(
            [records[index].sequence for index in rest], [records[index].label for index in rest]
        )
        cell: dict[str, Any] = {"train_seconds": time.process_time() - begun}
        probabilities = {}
        for precision in PRECISIONS:
            predictor = Predictor(classifier.artifact_, device="cpu", precision=precision)
            rows = (Record(records[index].sequence, None, 1) for index in held_out)
            blocks = predictor.predict(check_records(rows, source.kind))
            probabilities[precision] = np.concatenate([block.probabilities for block in blocks])
            labels = np.array(predictor.labels.names)[probabilities[precision].argmax(axis=1)]
            cell[f"accuracy_in_{precision}"] = float(np.mean(labels == truth))
        apart = np.abs(probabilities["float32"] - probabilities["bfloat16"])
        cell["probabilities_apart"] = float(apart.max())
        cells[trained] = cell
    return {"num_records": len(truth), **cells}


def write_page(result: dict[str, Any]) -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    behind = rest.split(END)[1]
    tables = f"{speed_table(result['speed'])}\n{accuracy_table(result['accuracy'])}"
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{behind}")


def speed_table(cells: dict[str, Any]) -> str:
    lines = [
        "| encoder, hidden size | training | in bfloat16 | gain | inference | in bfloat16 | gain "
        "| logits apart, at most |",
        "|---" * 8 + "|",
    ]
    for name, cell in cells.items():
        row = [f"{cell[work][each]:.0f}" for work in ("train", "infer") for each in PRECISIONS]
        row.insert(2, f"{cell['train']['ratio']:.2f}")
        row += [f"{cell['infer']['ratio']:.2f}", f"{cell['logits_apart']:.4f}"]
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def accuracy_table(cells: dict[str, Any]) -> str:
    lines = [
        "| held out of, trained in | accuracy in float32, each seed | in bfloat16 | mean, mean "
        "| probabilities apart, at most | seconds of training |",
        "|---" * 6 + "|",
    ]
    for name, seeds in cells.items():
        for trained in PRECISIONS:
            each = [cell[trained] for cell in seeds]
            scores = [[cell[f"accuracy_in_{how}"] for cell in each] for how in PRECISIONS]
            row = [", ".join(f"{value:.4f}" for value in values) for values in scores]
            row.append(", ".join(f"{statistics.mean(values):.4f}" for values in scores))
            row.append(f"{max(cell['probabilities_apart'] for cell in each):.3f}")
            row.append(f"{statistics.mean(cell['train_seconds'] for cell in each):.0f}")
            lines.append(f"| {name}, {trained} | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
