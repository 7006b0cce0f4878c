import numpy as np
import pyarrow as pa
import pytest

from seqwise.config import DataConfig
from seqwise.data.codecs import build_codec
from seqwise.data.labels import Labels
from seqwise.data.shards import Shard, check_shard, map_shard, shard_schema, write_shard
from seqwise.data.store import RaggedStore

WORDS = build_codec(DataConfig(kind="text")).fit(["a b c"])
CHANNELS = build_codec(DataConfig(kind="series")).fit([np.zeros((3, 2)), np.ones((2, 2))])
EVENTS = build_codec(DataConfig(kind="events", vocab_size=1 << 20)).fit(
    [list(map(str, range(70_000)))]
)


def shard_of(*arrays, dtype="u2", targets=None):
    store = RaggedStore.from_arrays([np.array(each, dtype=dtype) for each in arrays])
    targets = list(range(len(arrays))) if targets is None else targets
    return Shard(store, np.array(targets, dtype=np.int32))


LABELS = Labels(("a", "b", "c"))
IDS = shard_of([2, 3], [4], [2, 2, 1])
VALUES = shard_of([[0.5, 1]], [[1, 2], [3, 4]], dtype="f4")
WIDE = shard_of([70_001], [2, 3], dtype="i4")


@pytest.mark.parametrize(("shard", "codec"), [(IDS, WORDS), (VALUES, CHANNELS), (WIDE, EVENTS)])
def test_a_shard_comes_back_from_its_file_without_a_copy(shard, codec, tmp_path):
    path = tmp_path / "0.arrow"
    path.write_bytes(write_shard(shard, codec))
    before = pa.total_allocated_bytes()
    mapped = map_shard(path, codec, LABELS)
    check_shard(mapped, codec, LABELS)
    assert pa.total_allocated_bytes() == before
    for index in range(len(shard.targets)):
        assert mapped.sequences[index].tolist() == shard.sequences[index].tolist()
    assert mapped.sequences.values.dtype == shard.sequences.values.dtype
    assert mapped.targets.tolist() == shard.targets.tolist()


def test_other_programs_can_read_it(tmp_path):
    (tmp_path / "0.arrow").write_bytes(write_shard(IDS, WORDS))
    table = pa.ipc.open_file(tmp_path / "0.arrow").read_all()
    assert table.to_pydict() == {"sequence": [[2, 3], [4], [2, 2, 1]], "target": [0, 1, 2]}


def test_the_same_shard_has_the_same_bytes():
    assert write_shard(IDS, WORDS) == write_shard(IDS, WORDS)


@pytest.mark.parametrize(
    ("shard", "codec", "found"),
    [
        (shard_of([2], [5]), WORDS, "vocabulary"),
        (shard_of([2], [0]), WORDS, "vocabulary"),
        (shard_of([70_002], dtype="i4"), EVENTS, "vocabulary"),
        (shard_of([-1], dtype="i4"), EVENTS, "vocabulary"),
        (shard_of([2], []), WORDS, "empty"),
        (shard_of([2], targets=[3]), WORDS, "classes"),
        (shard_of([2], targets=[-1]), WORDS, "classes"),
        (shard_of([[1, np.nan]], dtype="f4"), CHANNELS, "finite"),
        (shard_of([[1, -np.inf]], dtype="f4"), CHANNELS, "finite"),
    ],
)
def test_what_no_model_can_be_trained_on(shard, codec, found):
    with pytest.raises(ValueError, match=found):
        check_shard(shard, codec, LABELS)


def write_batch(path, codec, sequence, target):
    batch = pa.record_batch([sequence, target], schema=shard_schema(codec, multilabel=False))
    with pa.ipc.new_file(path, batch.schema) as writer:
        writer.write_batch(batch)


def lists(offsets, values):
    kind = shard_schema(WORDS, multilabel=False).field("sequence").type
    buffers = [None, pa.py_buffer(np.array(offsets, dtype=np.int32).tobytes())]
    values = pa.array(values, pa.uint16())
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers, children=[values])


@pytest.mark.parametrize(
    "offsets", [[1, 2, 3, 6], [0, 2, 3, 5], [0, 3, 2, 6], [0, 2, 3, 9], [0, -1, 3, 6], [6, 3, 2, 0]]
)
def test_offsets_that_do_not_fit_the_values(offsets, tmp_path):
    path = tmp_path / "0.arrow"
    content = write_shard(IDS, WORDS)
    good = np.array([0, 2, 3, 6], dtype=np.int32).tobytes()
    assert content.count(good) == 1
    path.write_bytes(content.replace(good, np.array(offsets, dtype=np.int32).tobytes()))
    with pytest.raises(ValueError, match=r"\w"):
        map_shard(path, WORDS, LABELS)


def test_missing_values(tmp_path):
    path = tmp_path / "0.arrow"
    write_batch(path, WORDS, lists([0, 1, 3], [2, None, 4]), pa.array([0, 0], pa.int32()))
    with pytest.raises(ValueError, match="missing"):
        map_shard(path, WORDS, LABELS)
    write_batch(path, WORDS, lists([0, 1, 3], [2, 3, 4]), pa.array([0, None], pa.int32()))
    with pytest.raises(ValueError, match="missing"):
        map_shard(path, WORDS, LABELS)


def test_another_kind_of_table(tmp_path):
    path = tmp_path / "0.arrow"
    path.write_bytes(write_shard(WIDE, EVENTS))
    with pytest.raises(ValueError, match="other columns"):
        map_shard(path, WORDS, LABELS)
    path.write_bytes(b"no Arrow file at all")
    with pytest.raises(ValueError, match=r"\w"):
        map_shard(path, WORDS, LABELS)


# Any number of labels a record

MANY = Labels(("a", "b", "c"), multilabel=True)
SETS = Shard(IDS.sequences, MANY.encode([("c", "a"), (), ("b",)]))


def test_sets_of_labels_come_back(tmp_path):
    path = tmp_path / "0.arrow"
    path.write_bytes(write_shard(SETS, WORDS))
    mapped = map_shard(path, WORDS, MANY)
    check_shard(mapped, WORDS, MANY)
    assert (mapped.targets != SETS.targets).nnz == 0
    table = pa.ipc.open_file(path).read_all()
    assert table.to_pydict()["targets"] == [[0, 2], [], [1]]


@pytest.mark.parametrize("targets", [[[3]], [[-1]], [[0, 0]], [[1, 0]], [None], [[None]]])
def test_sets_of_labels_that_cannot_be(targets, tmp_path):
    schema = shard_schema(WORDS, multilabel=True)
    loose = pa.schema([schema.field(0), pa.field("targets", pa.list_(pa.int32()))])
    kind = loose.field(1).type
    array = pa.array(targets, kind)
    column = pa.ListArray.from_arrays(array.offsets, array.values, type=schema.field(1).type)
    if targets == [None]:
        column = pa.Array.from_buffers(
            schema.field(1).type, 1, array.buffers()[:2], children=[array.values]
        )
    batch = pa.record_batch([lists([0, 2], [2, 3]), column], schema=schema)
    with pa.ipc.new_file(tmp_path / "0.arrow", schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(ValueError, match=r"\w"):
        map_shard(tmp_path / "0.arrow", WORDS, MANY)


def test_shards_of_the_other_kind_of_labels(tmp_path):
    path = tmp_path / "0.arrow"
    path.write_bytes(write_shard(SETS, WORDS))
    with pytest.raises(ValueError, match="other columns"):
        map_shard(path, WORDS, LABELS)
    path.write_bytes(write_shard(IDS, WORDS))
    with pytest.raises(ValueError, match="other columns"):
        map_shard(path, WORDS, MANY)
