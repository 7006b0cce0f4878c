import json

import torch

from seqwise.speed.machine import describe_machine


def test_what_a_figure_was_measured_on():
    machine = json.loads(json.dumps(describe_machine(torch.device("cpu"))))
    assert machine["torch"] == torch.__version__
    assert machine["torch_threads"] == torch.get_num_threads()
    assert machine["processor"]
    assert "gpu" not in machine


def test_the_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    assert describe_machine(torch.device("cuda"))["gpu"] == "H100"
