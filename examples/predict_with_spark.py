"""Predict Parquet files on a Spark cluster; the model is read once a Python worker.

    spark-submit --conf spark.executorEnv.OMP_NUM_THREADS=1 \
        examples/predict_with_spark.py MODEL IN OUT

MODEL, IN and OUT are on paths that all machines can reach. Each row of IN comes out with what the
model says of it, and with all its columns but the sequence. `predict_batch_udf` is not for this: it
wants sequences of one shape.
"""

import sys
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from seqwise import BatchPredictor


def main(model: str, source: str, target: str) -> None:
    """Read, predict and write, all at once."""
    rows = SparkSession.builder.getOrCreate().read.parquet(source)
    predict = BatchPredictor(model, deterministic=True)
    schema = from_arrow_schema(predict.schema(to_arrow_schema(rows.schema)))

    def predict_all(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from map(predict, batches)

    rows.mapInArrow(predict_all, schema).write.parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
