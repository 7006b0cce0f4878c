"""Predict Parquet files on a Ray cluster; the model is read once an actor.

    python examples/predict_with_ray.py MODEL IN OUT WORKERS

MODEL, IN and OUT are on paths that all machines can reach. Each row of IN comes out with what the
model says of it, and with all its columns but the sequence. Leave a core or two to the reading.
"""

import sys

import ray

from seqwise import BatchPredictor


def main(model: str, source: str, target: str, workers: str) -> None:
    """Read, predict and write, all at once."""
    ray.data.read_parquet(source).map_batches(
        BatchPredictor,
        fn_constructor_args=[model],
        fn_constructor_kwargs={"deterministic": True},
        batch_format="pyarrow",
        batch_size=4096,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=int(workers)),
    ).write_parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
