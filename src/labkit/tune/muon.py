"""Muon (Keller Jordan and others, 2024): momentum, orthogonalised, for the matrices inside the layers.

torch.optim.Muon computes in bfloat16, one matrix at a time; a CPU without bfloat16 units emulates that slowly. This one
computes in float32 and all matrices of one shape together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Newton-Schulz quintic: drives all singular values towards one within a few rounds (values of the original)."""
_STACKED = 4
"""Matrices of one shape that one worker handles together."""


def orthogonalize(matrices: Tensor, num_rounds: int = 5) -> Tensor:
    """[count, rows, columns] -> the nearest (semi-)orthogonal matrices, roughly: singular values in about 0.7..1.2."""
    a, b, c = _COEFFICIENTS
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if is_tall else matrices
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(num_rounds):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(1, 2) if is_tall else x


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum whose step is orthogonalised; matrices only. Decoupled weight decay."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        weight_decay: float,
        workers: Executor,
    ) -> None:
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.workers = workers

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Updates every parameter that has a gradient; closures are not supported."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.shape)].append(parameter)
            parts = [same[at : at + _STACKED] for same in by_shape.values() for at in range(0, len(same), _STACKED)]
            update = partial(self._update, lr=group["lr"], momentum=group["momentum"], decay=group["weight_decay"])
            list(self.workers.map(update, parts))

    @torch.no_grad()
    def _update(self, parameters: list[nn.Parameter], *, lr: float, momentum: float, decay: float) -> None:
        shape, directions = parameters[0].shape, []
        for parameter in parameters:
            gradient = parameter.grad
            assert gradient is not None
            buffer: Tensor = self.state[parameter].setdefault("momentum", torch.zeros_like(gradient))
            buffer.lerp_(gradient, 1 - momentum)
            directions.append(gradient.lerp(buffer, momentum))
        # A tall matrix gets a longer step, so that the change of its outputs stays comparable.
        scale = max(1.0, shape[0] / shape[1]) ** 0.5
        for parameter, direction in zip(parameters, orthogonalize(torch.stack(directions)), strict=True):
            parameter.mul_(1 - lr * decay).add_(direction, alpha=-lr * scale)
