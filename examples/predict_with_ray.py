"""Predict Parquet files on a Ray cluster; the model is read once an actor.

    python examples/predict_with_ray.py MODEL IN OUT WORKERS

IN and OUT are folders, or whatever Ray Data reads and writes, that all machines can reach, and so is
MODEL. Each row of IN comes out with its columns, but for the sequence, and with what the model says.
"""

import sys

import ray

from seqwise import BatchPredictor


def main(model: str, source: str, target: str, workers: str) -> None:
    ray.data.read_parquet(source).map_batches(
        BatchPredictor,
        fn_constructor_args=[model],
        fn_constructor_kwargs={"probabilities": True, "deterministic": True},
        batch_format="pyarrow",
        batch_size=4096,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=int(workers)),
    ).write_parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
