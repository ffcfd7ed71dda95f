"""Readers of attention and of recurrent layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from convviz.read.torch_batch import align, blocked
from convviz.read.torch_call import MARK, Call, Mark, Weight, marked, operation
from convviz.read.torch_table import Reader, reads


@reads("scaled_dot_product_attention")
def scaled_dot_product_attention(
    call: Call,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    if enable_gqa:
        raise call.refuse("with enable_gqa cannot be read")
    tensors = [query, key, value, *([attn_mask] if attn_mask is not None else [])]
    keys, batch = align(call, tensors, keep=2)
    return call.node(
        operation("scaled_dot_product_attention", is_causal=is_causal, scale=scale), tensors, keys, batch
    )


@reads("multi_head_attention_forward")
def multi_head_attention(
    call: Call,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    *args: Any,
    **more: Any,
) -> Any:
    """Plain attention of one sample is our op; with masks or other widths its inner functions are read."""
    names = [
        "in_proj_weight",
        "in_proj_bias",
        "bias_k",
        "bias_v",
        "add_zero_attn",
        "dropout_p",
        "out_proj_weight",
        "out_proj_bias",
        "training",
    ]
    given = (
        dict(zip([*names, "key_padding_mask", "need_weights", "attn_mask", "use_separate_proj_weight"], args))
        | more
    )
    unusual = (
        "bias_k",
        "bias_v",
        "add_zero_attn",
        "key_padding_mask",
        "attn_mask",
        "use_separate_proj_weight",
    )
    one = all(t.dim() == 3 and t.shape[1] == 1 for t in (query, key, value)) and all(
        marked((t,)) for t in (query, key, value)
    )
    if (
        not one
        or any(given.get(n) is not None and given.get(n) is not False for n in unusual)
        or given["in_proj_weight"] is None
    ):
        return inside(call)
    ins = (
        [query] if key is query and value is query else [query, key] if value is key else [query, key, value]
    )
    keys = [call.key(t, 1) for t in ins]
    weights = [
        Weight(n, given[n.replace(".", "_")])
        for n in ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    ]
    op = operation("attention", num_heads=num_heads, bias=given["in_proj_bias"] is not None, dim=2)
    if call.rec.device == "meta":
        call.result = (
            torch.empty_like(query),
            torch.empty(0, device="meta") if given.get("need_weights", True) else None,
        )
    out, scores = call.run()
    out = call.part(op, ins, keys, 1, 0, weights)
    return out, None if scores is None else blocked(
        call, scores, "gives its weights, which cannot be read; use need_weights=False"
    )


def inside(call: Call) -> Any:
    """Reads the functions that a function of torch.nn.functional consists of."""
    name = "has_torch_function"
    before = getattr(F, name)
    setattr(F, name, lambda tensors: False)
    try:
        with call.rec:
            return call.func(*call.args, **call.kwargs)
    finally:
        setattr(F, name, before)


def recurrent(kind: str, states: int) -> Reader:
    def read(
        call: Call,
        input: Tensor,
        hx: Any,
        params: Any,
        has_biases: Any,
        num_layers: int,
        dropout: float,
        train: bool = False,
        bidirectional: bool = False,
        batch_first: bool = False,
    ) -> Any:
        if isinstance(params, bool) or marked((hx,)) or not isinstance(params, list | tuple):
            raise call.refuse(
                "with packed sequences or a first state that depends on the input cannot be read"
            )
        batch = 0 if batch_first else 1
        if input.dim() != 3 or input.shape[batch] != 1:
            raise call.refuse(
                f"on {tuple(input.shape)}, several sequences made of one sample, cannot be read"
            )
        hidden = params[1].shape[-1]
        op = operation(
            kind,
            hidden_size=hidden,
            num_layers=num_layers,
            bias=bool(has_biases),
            bidirectional=bidirectional,
            dim=2,
        )
        names = list(op.weights((input.shape[1 - batch], input.shape[2])))
        if len(names) != len(params):
            raise call.refuse("with proj_size cannot be read")
        key = call.key(input, batch)
        if call.rec.device == "meta":  # torch would go through all the steps
            width = hidden * (1 + bidirectional)
            state = input.new_empty((num_layers * (1 + bidirectional), 1, hidden))
            call.result = (input.new_empty((*input.shape[:2], width)), *[state, state.clone()][:states])
        result = call.run()
        out = call.part(op, [input], [key], batch, 0, [Weight(n, p) for n, p in zip(names, params)])
        last = [last_state(call, out, batch, h, i == 0) for i, h in enumerate(result[1:])]
        return (out, *last)

    return read


def last_state(call: Call, out: Tensor, batch: int, h: Tensor, hidden: bool) -> Tensor:
    """A last state, made when it is used: of one layer, it is the output's last step, and first if turned.

    Those of more layers, and an LSTM's cell state, are no part of the output: all that is said of them is
    that they read every step.
    """
    mark = call.rec.mark(out)
    assert mark is not None

    def make() -> Mark:
        steps, (count, _, width) = out.shape[1 - batch], h.shape
        if not hidden or count * width != out.shape[2]:
            op = operation("opaque", size=(count, width), mode="global")
            return Mark(call.inner(op, [mark.key]), 1, call.rec.clock)
        ends = []
        for i, step in enumerate((steps - 1, 0)[:count]):
            key = call.inner(operation("slice", dim=1, start=step, end=step + 1), [mark.key])
            if count > 1:
                key = call.inner(operation("slice", dim=2, start=i * width, end=(i + 1) * width), [key])
            ends.append(key)
        key = ends[0] if count == 1 else call.inner(operation("concat", dim=1), ends)
        return Mark(key, 1, call.rec.clock)

    h.__dict__[MARK] = Mark(-1, 1, 0, make)
    return h


reads("lstm")(recurrent("lstm", 2))
reads("gru")(recurrent("gru", 1))
