import copy

import torch

from seqwise.evaluation.metrics import score
from seqwise.predictor import infer_logits, softmax
from seqwise.training.average import build_average
from tests.training.examples import CLASSES, CPU, Task, make_run


def test_it_is_the_moving_average_from_the_first_update_on():
    model = torch.nn.Linear(3, 2)
    average = build_average(model, 0.6)
    expected = None
    for update in range(12):
        with torch.no_grad():
            model.weight.normal_()
        average.update_parameters(model)
        share = min(0.6, (1 + update) / (10 + update))
        weight = model.weight.detach().clone()
        expected = weight if expected is None else share * expected + (1 - share) * weight
        torch.testing.assert_close(average.module.weight, expected)


def weights(model):
    return {name: each.clone() for name, each in model.state_dict().items()}


def log_loss(model, training):
    valid = training.objective.valid
    logits = infer_logits(model, valid.sequences, device=CPU)
    return score(softmax(logits), valid.targets, CLASSES).log_loss


def test_what_is_validated_and_kept_is_the_average():
    training = Task().start(average_decay=0.9, epochs=1, batch_size=8)
    average = build_average(copy.deepcopy(training.model), 0.9)
    for report in training.steps():
        if report is None:
            average.update_parameters(training.model)
    kept, own = weights(training.best_model()), weights(training.model)
    for name, each in weights(average.module).items():
        assert torch.equal(kept[name], each), name
    assert any(not torch.equal(kept[name], own[name]) for name in own)
    assert log_loss(training.model, training) != log_loss(average.module, training)
    assert training.best.valid.log_loss == log_loss(average.module, training)
    training.restore_best()
    assert log_loss(training.model, training) == training.best.valid.log_loss


def test_training_is_not_changed_by_it():
    plain, averaged = (Task().start(average_decay=decay) for decay in (0.0, 0.9))
    losses = [[report.train_loss for report in each] for each in (plain, averaged)]
    assert losses[0] == losses[1]
    for name, each in weights(plain.model).items():
        assert torch.equal(averaged.model.state_dict()[name], each)


def test_without_it_nothing_of_it_is_in_a_checkpoint():
    for decay, count in ((0.0, 0), (0.5, 1)):
        run = make_run(average_decay=decay)
        next(run.steps())
        names = [name for name in run.state().tensors if name.endswith("average.n_averaged")]
        assert len(names) == count
