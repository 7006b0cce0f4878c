"""An average of a model's weights over the updates of its training."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def build_average(model: nn.Module, decay: float) -> AveragedModel:
    """Make the exponential moving average of a model's weights (Polyak and Juditsky 1992).

    The weights that training began with are soon forgotten: after n updates an average looks back
    on a tenth of them, as long as that is less than its decay says.

    Parameters
    ----------
    model
        Whose weights `update_parameters` takes up after each update.
    decay
        Share of the average that an update leaves as it was.
    """

    def update(average: Tensor, weight: Tensor, num_updates: Tensor | int) -> Tensor:
        share = min(decay, (1 + int(num_updates)) / (10 + int(num_updates)))
        return average.lerp(weight, 1 - share)

    return AveragedModel(model, avg_fn=update)
