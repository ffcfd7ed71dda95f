"""A training step as a CUDA graph: recorded once, then replayed with one launch instead of a hundred.

Small nets leave a GPU idle, because each of their kernels takes less time than Python needs to launch it. A recorded
step always reads and writes the same memory, so all that changes from step to step stands in tensors: its inputs,
which are copied into place before a replay, and the optimizer's numbers (:class:`Update`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

Found = tuple[Tensor, ...]
Step = Callable[..., Found]
WARM_UP = (
    3  # steps before the recording: libraries choose their kernels and optimizers make their buffers in them
)


class Recorder(Protocol):
    """What can record the work of a step; see :class:`CudaRecorder`."""

    def warm(self, step: Step, inputs: Sequence[Tensor]) -> Found:
        """The step's results, worked out as it will be recorded."""

    def record(self, step: Step, inputs: Sequence[Tensor]) -> tuple[Callable[[], Any], Found]:
        """What replays the step on ``inputs``, and where its results will stand; nothing is worked out yet.

        Raises RuntimeError where the step does what cannot be recorded.
        """


class CudaRecorder:
    """``torch.cuda.graph``, as its documentation says: warm-up on a stream of its own, then one recording."""

    def warm(self, step: Step, inputs: Sequence[Tensor]) -> Found:
        stream, main = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            found = step(*inputs)
        main.wait_stream(stream)
        return found

    def record(self, step: Step, inputs: Sequence[Tensor]) -> tuple[Callable[[], Any], Found]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = step(*inputs)
        return graph.replay, found


def recorder_for(device: torch.device) -> Recorder | None:
    """What records steps on a device; only CUDA can."""
    return CudaRecorder() if device.type == "cuda" else None


class Graphed:
    """``step``, which after a few calls is replayed from a recording; called with its inputs, it gives its results.

    Every call is a step that counts, the first ones too. Inputs of another shape than the largest so far (a last batch
    that is smaller) are worked out step by step, and so is everything without a recorder or where recording failed,
    which ``note`` then says. The results of a replay stand where the next one will write its own; what else a step
    leaves behind in Python (a parameter's ``grad``) is not done again, so it must be among the results.
    """

    def __init__(self, step: Step, recorder: Recorder | None, warm_up: int = WARM_UP) -> None:
        self.step, self.recorder, self.warm_up = step, recorder, warm_up
        self.note = ""
        self.replays = 0
        self._seen = self._most = 0
        self._shapes: list[tuple[torch.Size, torch.dtype]] = []
        self._inputs: list[Tensor] = []
        self._replay: Callable[[], Any] | None = None
        self._found: Found = ()

    def __call__(self, *inputs: Tensor) -> Found:
        shapes = [(x.shape, x.dtype) for x in inputs]
        if self._replay is None and sum(x.numel() for x in inputs) > self._most:
            self._most, self._shapes, self._seen = sum(x.numel() for x in inputs), shapes, 0
        if self.recorder is None or shapes != self._shapes:
            return self.step(*inputs)
        if self._replay is None:
            if self._seen < self.warm_up:
                self._seen += 1
                return self.recorder.warm(self.step, inputs)
            # Copies with the strides of the originals: a recording must not depend on who owns its inputs.
            self._inputs = [x.clone() for x in inputs]
            try:
                self._replay, self._found = self.recorder.record(self.step, self._inputs)
            except RuntimeError as err:
                self.recorder = None
                reason = (str(err) or type(err).__name__).splitlines()[0]
                self.note = f"steps are not recorded as a CUDA graph, which is slower: {reason}"
                return self.step(*inputs)
        for own, given in zip(self._inputs, inputs):
            own.copy_(given, non_blocking=True)
        self._replay()
        self.replays += 1
        return self._found


class Update:
    """The step of an SGD with its rate and momentum in tensors, so that a recording follows a schedule.

    Buffers are the optimizer's own, and so is the arithmetic but for rounding. :meth:`follow` is called before every
    step. Source: torch.optim.SGD.
    """

    def __init__(self, optimizer: SGD) -> None:
        self.optimizer = optimizer
        device = optimizer.param_groups[0]["params"][0].device
        self.rate, self.momentum = torch.zeros((), device=device), torch.zeros((), device=device)
        self._told = (0.0, 0.0)

    @staticmethod
    def fits(optimizer: Optimizer) -> bool:
        """Whether this takes the optimizer's place: SGD with one group of parameters, downhill, with plain numbers."""
        groups = optimizer.param_groups
        return (
            type(optimizer) is SGD
            and len(groups) == 1
            and not groups[0]["maximize"]
            and not isinstance(groups[0]["lr"], Tensor)
        )

    def follow(self) -> None:
        """Take over what a scheduler has set since."""
        group = self.optimizer.param_groups[0]
        # Torch's schedulers warn where they are stepped before the optimizer, which is not told otherwise.
        self.optimizer._opt_called = True  # type: ignore[attr-defined]
        told = (float(group["lr"]), float(group["momentum"]))
        if told != self._told:
            self.rate.fill_(told[0])
            self.momentum.fill_(told[1])
            self._told = told

    @torch.no_grad()
    def __call__(self) -> None:
        """Move the weights; schedules must not change whether there is momentum at all."""
        group = self.optimizer.param_groups[0]
        params = [p for p in group["params"] if p.grad is not None]
        moves = [p.grad for p in params]
        if group["weight_decay"]:
            moves = torch._foreach_add(moves, params, alpha=group["weight_decay"])
        if self.optimizer.defaults["momentum"] or group["momentum"]:
            moves = self._with_momentum(params, moves, 1 - group["dampening"], group["nesterov"])
        torch._foreach_sub_(params, torch._foreach_mul(moves, self.rate))

    def _with_momentum(self, params: list[Any], moves: Any, share: float, nesterov: bool) -> Any:
        states = [self.optimizer.state[p] for p in params]
        if any(state.get("momentum_buffer") is None for state in states):
            for state, move in zip(states, moves):
                state["momentum_buffer"] = move.clone()
            buffers = [state["momentum_buffer"] for state in states]
        else:
            buffers = [state["momentum_buffer"] for state in states]
            torch._foreach_mul_(buffers, self.momentum)
            torch._foreach_add_(buffers, moves, alpha=share)
        if not nesterov:
            return buffers
        return torch._foreach_add(moves, torch._foreach_mul(buffers, self.momentum))
