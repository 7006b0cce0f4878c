"""Predictions for engines that spread Arrow tables over processes and machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqwise.config import Device, Precision
from seqwise.data.kinds import Kind
from seqwise.data.readers.arrow import to_sequences
from seqwise.data.readers.columns import choose_columns, listed, missing_column
from seqwise.data.readers.interface import Record, Wanted
from seqwise.data.readers.label_form import LabelForm
from seqwise.data.readers.rows import RowCheck
from seqwise.data.records import check_records
from seqwise.errors import Code, ConfigError, DataError, Problem
from seqwise.evaluation.decision import Thresholds
from seqwise.predictor import PredictedBlock, Predictor
from seqwise.results import ResultColumns

PLACE = "the batch"  # for messages


class BatchPredictor:
    """A trained model that turns Arrow rows into Arrow rows: columns to keep, and what it says.

    It can be pickled and is small then: the model is read when it is first used, once a process.
    Memory is that of the model, of the rows in and out, and of one block of encoded sequences.
    Probabilities are those of `seqwise predict` to 1e-6, with `deterministic` in every bit.

    Parameters
    ----------
    model
        The folder, on a path that every process can read.
    sequence
        Column of the sequences; None for that of training, or for the one that its name tells.
    keep
        Columns to pass on unchanged, in front of the results; None for all but the sequences.
    probabilities
        Whether each class gets a column.
    deterministic
        Whether probabilities must not depend on the batch in any bit (slower; on a CPU).
    device
        Where to run.
    precision
        Of the encoder.
    threshold
        As in `Predictor`.

    Examples
    --------
    With Ray Data, which makes one of them an actor::

        dataset.map_batches(
            BatchPredictor,
            fn_constructor_args=["model"],
            batch_format="pyarrow",
            batch_size=4096,
            concurrency=8,
        )
    """

    def __init__(
        self,
        model: str | Path,
        *,
        sequence: str | None = None,
        keep: Sequence[str] | None = None,
        probabilities: bool = False,
        deterministic: bool = False,
        device: Device = "auto",
        precision: Precision = "float32",
        threshold: Thresholds | None = None,
    ) -> None:
        self.model = str(model)
        self.sequence = sequence
        self.keep = None if keep is None else tuple(keep)
        self.probabilities = probabilities
        self.deterministic = deterministic
        self.device: Device = device
        self.precision: Precision = precision
        self.threshold = threshold
        self._loaded: Predictor | None = None

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_loaded": None}

    def __call__(self, rows: pa.RecordBatch | pa.Table) -> pa.RecordBatch | pa.Table:
        """Predict some rows.

        Parameters
        ----------
        rows
            A record batch or a table; sequences as in a Parquet file.

        Returns
        -------
        pyarrow.RecordBatch or pyarrow.Table
            A row for each row in its order, as `schema` says. A row that cannot be predicted says
            why in `problem`.

        Raises
        ------
        ArtifactError
            If the model cannot be read.
        DataError
            If there is no column of sequences, or no column that is to be kept.
        ConfigError
            If a column that is to be kept has the name of a result.
        """
        schema = self.schema(rows.schema)
        if isinstance(rows, pa.RecordBatch):
            return self._predict(rows, schema)
        batches = rows.combine_chunks().to_batches()
        return pa.Table.from_batches([self._predict(batch, schema) for batch in batches], schema)

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """Say which columns come out where such columns go in.

        Raises
        ------
        ArtifactError, DataError, ConfigError
            As when called.
        """
        sequence, results = self._sequence(schema), self._result_schema
        names = self.keep
        if names is None:
            names = tuple(name for name in schema.names if name != sequence)
        for name in names:
            if name not in schema.names:
                raise DataError(missing_column(name, schema.names, PLACE))
        clashing = [name for name in names if name in results.names]
        if clashing:
            found = f"columns {listed(clashing)} in the batch, which are names of results"
            expected, remedy = "other names", "drop or rename them, or say what to keep (keep)"
            raise ConfigError(Problem(Code.BAD_SETTING, found, expected, remedy))
        return pa.schema([*(schema.field(name) for name in names), *results])

    @property
    def _predictor(self) -> Predictor:
        if self._loaded is None:
            self._loaded = Predictor.load(
                self.model,
                device=self.device,
                deterministic=self.deterministic,
                precision=self.precision,
                threshold=self.threshold,
            )
        return self._loaded

    @property
    def _columns(self) -> ResultColumns:
        return ResultColumns.of(self._predictor, probabilities=self.probabilities)

    @property
    def _result_schema(self) -> pa.Schema:
        return result_schema(self._columns)

    def _sequence(self, schema: pa.Schema) -> str:
        trained = self._predictor.data.sequence_column
        name = self.sequence or (trained if trained in schema.names else None)
        wanted = Wanted(sequence=name, label_required=False)
        return choose_columns(schema.names, wanted, PLACE)[0]

    def _predict(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        predictor, columns, results = self._predictor, self._columns, self._result_schema
        column = self._sequence(batch.schema)
        records = check_records(
            _read(batch, column), Kind(predictor.data.kind), path=PLACE, column=column
        )
        blocks = [
            columns.fill(_without_place(block))
            for block in predictor.predict(records, path=PLACE, column=column)
        ]
        kept = schema.names[: -len(results)]
        return pa.RecordBatch.from_arrays(
            [batch.column(name) for name in kept]
            + [_join([block[field.name] for block in blocks], field.type) for field in results],
            schema=schema,
        )


def result_schema(columns: ResultColumns) -> pa.Schema:
    """Say of what types the columns of predictions are."""
    kinds = {"label": pa.string(), "labels": pa.list_(pa.string()), "problem": pa.string()}
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in columns.names])


def _read(batch: pa.RecordBatch, column: str) -> Iterator[Record]:
    check = RowCheck(PLACE, column, None, LabelForm(required=False))
    for number, sequence in enumerate(to_sequences(batch.column(column)), 1):
        yield check.record(sequence, None, number)


def _without_place(block: PredictedBlock) -> PredictedBlock:
    """Leave out of each problem where it is: its row says so, and a batch may be cut anywhere."""
    problems = [each and replace(each, path=None, record=None) for each in block.problems]
    return replace(block, problems=problems)


def _join(pieces: list[list[Any]], kind: pa.DataType) -> pa.Array:
    return pa.chunked_array([pa.array(piece, kind) for piece in pieces], kind).combine_chunks()
