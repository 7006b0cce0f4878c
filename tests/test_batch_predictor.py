import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from seqwise import BatchPredictor
from seqwise import predictor as module
from seqwise.artifact import save_artifact
from seqwise.cli.app import app
from seqwise.errors import ArtifactError, Code, ConfigError, DataError
from tests.training.examples import SEQUENCES, make_artifact, make_run, topical

WORDS = ["good", "bad", "day", "night", "one", "so", "1"]


@pytest.fixture
def model(tmp_path):
    save_artifact(make_artifact(hidden_size=32), tmp_path / "model")
    return tmp_path / "model"


def make_table(number=60):
    """Ids, texts of which every seventh cannot be used, and something else."""
    random = np.random.default_rng(0)
    texts = [
        " ".join(random.choice(WORDS, random.integers(1, 40))) if index % 7 else None
        for index in range(number)
    ]
    return pa.table({"id": range(number), "text": texts, "other": [[1.5]] * number})


def by_id(table):
    return {row["id"]: row for row in table.to_pylist()}


def local(model, table, folder, *options):
    """Give what the command line says, with the ids."""
    pq.write_table(table, folder / "in.parquet")
    arguments = ["predict", str(model), f"{folder}/in.parquet", "-o", f"{folder}/out.parquet", "-q"]
    assert CliRunner().invoke(app, [*arguments, *options, "--overwrite"]).exit_code == 0
    return pq.read_table(folder / "out.parquet").add_column(0, "id", table.column("id"))


def same(rows, others, *, bits):
    """Tell whether two tables say the same by id; each has its own places in the problems."""
    rows, others = by_id(rows), by_id(others)
    assert rows.keys() == others.keys()
    for key, row in rows.items():
        other = others[key]
        assert row["label"] == other["label"]
        assert (row["problem"] is None) == (other["problem"] is None)
        for name in row.keys() & other.keys():
            if name.startswith("probability"):
                assert row[name] == other[name] or (
                    not bits and row[name] == pytest.approx(other[name], abs=1e-6)
                )
    return True


@pytest.mark.parametrize("deterministic", [False, True])
def test_it_says_what_the_command_line_says(model, tmp_path, deterministic):
    table = make_table()
    options = ["--probabilities", *(["--deterministic"] if deterministic else [])]
    expected = local(model, table, tmp_path, *options)
    predict = BatchPredictor(model, probabilities=True, deterministic=deterministic)
    pieces = [predict(batch) for batch in table.to_batches(max_chunksize=7)][::-1]
    assert same(pa.Table.from_batches(pieces), expected, bits=deterministic)
    assert same(predict(table), expected, bits=deterministic)


def test_columns_pass_and_results_follow(model):
    batch = make_table().to_batches()[0]
    found = BatchPredictor(model, probabilities=True)(batch)
    results = ["label", "probability", "problem", "probability:a", "probability:ä", "probability:3"]
    assert found.schema.names == ["id", "other", *results]
    assert found.column("id").equals(batch.column("id"))
    assert found.column("other").equals(batch.column("other"))
    kept = BatchPredictor(model, keep=["text"])(batch)
    assert kept.schema.names == ["text", "label", "probability", "problem"]
    assert kept.column("text").equals(batch.column("text"))
    assert BatchPredictor(model, keep=[])(batch).schema.names == results[:3]


def test_a_problem_names_no_place_in_the_batch(model):
    row = BatchPredictor(model)(make_table()).to_pylist()[7]
    assert (row["label"], row["probability"]) == (None, None)
    assert row["problem"].startswith("column text: no value - a sequence - ")
    assert row["problem"].endswith("[missing-sequence]")


@pytest.mark.parametrize("rows", [make_table(3).slice(3), make_table(3).to_batches()[0].slice(3)])
def test_no_rows(model, rows):
    predict = BatchPredictor(model, probabilities=True)
    found = predict(rows)
    assert type(found) is type(rows)
    assert found.num_rows == 0
    assert found.schema == predict.schema(rows.schema) == predict(make_table()).schema


@pytest.mark.parametrize("kind", SEQUENCES)
def test_every_kind_as_slices_and_tables(kind, tmp_path):
    save_artifact(make_artifact(kind), tmp_path / "model")
    sequences = [
        each.tolist() if isinstance(each, np.ndarray) else each
        for each in SEQUENCES[kind]
        if kind != "events" or isinstance(each, list)
    ]
    batch = pa.record_batch({"id": range(len(sequences)), "sequence": sequences})
    predict = BatchPredictor(tmp_path / "model", deterministic=True)
    whole = predict(batch).to_pylist()
    assert [row["problem"] for row in whole] == [None] * len(sequences)
    for index in range(len(sequences)):
        assert predict(batch.slice(index, 1)).to_pylist() == [whole[index]]


def test_it_is_small_as_a_pickle_and_reads_the_model_late(model):
    predict = BatchPredictor(model, keep=["id"], deterministic=True)
    expected = predict(make_table())
    content = pickle.dumps(predict)
    assert len(content) < 1_000
    assert pickle.loads(content)(make_table()).equals(expected)
    missing = BatchPredictor(model.with_name("missing"))
    with pytest.raises(ArtifactError):
        missing(make_table())


def test_the_model_is_read_once(model, monkeypatch):
    loaded, load = [], module.Predictor.load
    monkeypatch.setattr(
        module.Predictor, "load", lambda *a, **b: (loaded.append(1), load(*a, **b))[1]
    )
    predict = BatchPredictor(model)
    for _ in range(3):
        predict(make_table())
    assert loaded == [1]


def test_the_column_of_training_is_the_first_choice(tmp_path):
    artifact = make_artifact()
    artifact = type(artifact)(
        **vars(artifact) | {"data": type(artifact.data)(kind="text", sequence_column="body")}
    )
    save_artifact(artifact, tmp_path / "model")
    table = pa.table({"text": ["bad"], "body": ["good day"]})
    found = BatchPredictor(tmp_path / "model", probabilities=True)(table)
    assert found.schema.names[0] == "text"
    other = BatchPredictor(tmp_path / "model", sequence="text", probabilities=True)(table)
    assert other.schema.names[0] == "body"
    assert found.column("probability:a") != other.column("probability:a")


def test_columns_that_are_not_there(model):
    table = pa.table({"a": ["good"], "b": ["bad"]})
    for predict, code in [
        (BatchPredictor(model), Code.COLUMN_UNCLEAR),
        (BatchPredictor(model, sequence="c"), Code.COLUMN_MISSING),
        (BatchPredictor(model, sequence="a", keep=["c"]), Code.COLUMN_MISSING),
    ]:
        with pytest.raises(DataError, match="batch") as caught:
            predict(table)
        assert caught.value.code is code


def test_a_column_with_the_name_of_a_result(model):
    table = pa.table({"text": ["good"], "label": ["x"], "id": [1]})
    with pytest.raises(ConfigError, match="'label' in the batch"):
        BatchPredictor(model)(table)
    assert BatchPredictor(model, keep=["id"])(table).num_rows == 1


def test_memory_is_that_of_a_block(model, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_RECORDS", 5)
    most, infer = [], module.infer_logits
    monkeypatch.setattr(
        module, "infer_logits", lambda m, s, **o: (most.append(len(s)), infer(m, s, **o))[1]
    )
    assert BatchPredictor(model)(make_table()).num_rows == 60
    assert max(most) <= 5


# Engines

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_ray_says_what_the_command_line_says(model, tmp_path):
    pytest.importorskip("ray", reason='Ray is not installed: pip install "seqwise[ray]"')
    table = make_table(600)
    (tmp_path / "in").mkdir()
    for part in range(3):
        pq.write_table(table.slice(200 * part, 200), tmp_path / "in" / f"{part}.parquet")
    # Two workers, and cores for the rest, however many there are; by default they are niced.
    script = (
        "import json, runpy, sys, ray; ray.init(num_cpus=4, include_dashboard=False);"
        "sys.argv = json.loads(sys.argv[1]); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    places = [str(tmp_path / name) for name in ("model", "in", "out")]
    arguments = json.dumps([str(EXAMPLES / "predict_with_ray.py"), *places, "2"])
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | quiet,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = pq.read_table(tmp_path / "out")
    assert found.schema.names == ["id", "other", "label", "probability", "problem"]
    assert same(found, local(model, table, tmp_path, "--deterministic"), bits=True)


def test_spark_is_given_what_it_asks_for(model, tmp_path):
    """As `mapInArrow` calls: a function that was pickled, an iterator of batches, a schema."""
    table = make_table()
    predict = pickle.loads(pickle.dumps(BatchPredictor(model, deterministic=True)))
    schema = predict.schema(table.schema)
    batches = iter(table.to_batches(max_chunksize=13))
    pieces = list(map(predict, batches))
    assert all(piece.schema == schema for piece in pieces)
    expected = local(model, table, tmp_path, "--deterministic")
    assert same(pa.Table.from_batches(pieces), expected, bits=True)


# Any number of labels a row


@pytest.fixture(scope="module")
def topics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("topics") / "model"
    run = make_run(topical(80), epochs=4, batch_size=8)
    list(run)
    save_artifact(run.artifact(), folder)
    return folder


def test_labels_are_lists(topics, tmp_path):
    table = make_table()
    predict = BatchPredictor(topics, keep=["id"], threshold={"sea": 0.0}, probabilities=True)
    rows = predict(table)
    assert rows.schema.field("labels").type == pa.list_(pa.string())
    assert rows.schema.names[:3] == ["id", "labels", "problem"]
    said = local(topics, table, tmp_path, "--threshold", "sea=0", "--probabilities")
    assert rows.column("labels").to_pylist() == said.column("labels").to_pylist()
    for labels, problem in zip(
        rows.column("labels").to_pylist(), rows.column("problem").to_pylist(), strict=True
    ):
        assert (labels is None) == (problem is not None)
        assert labels is None or "sea" in labels
    assert pickle.loads(pickle.dumps(predict))(table).equals(rows)


def test_no_rows_have_no_labels(topics):
    rows = BatchPredictor(topics)(make_table().slice(0, 0))
    assert rows.num_rows == 0
    assert rows.schema.field("labels").type == pa.list_(pa.string())
