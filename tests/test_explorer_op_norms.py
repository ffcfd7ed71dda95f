"""A norm's page: the cells that are lit share their statistics, the numbers are torch's."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from tests.oppages import NORMS, Json, Shown, data_of, named, opened, reads


@pytest.mark.parametrize("index", range(len(NORMS)), ids=map(named, NORMS))
def test_cells_that_are_lit_share_their_statistics(index: int) -> None:
    data = data_of(index, norm=True)
    for index in range(0, len(data["states"]), 3):
        (view,) = opened(data, index)["views"]
        shown, labels = Shown(data, view), Shown.array(data["store"], view["labels"])
        for cell in np.ndindex(*shown.x.shape):
            lit = [c for c, _ in reads(shown.along, cell)]
            found = data["store"][view["sets"][int(labels[cell])]]
            if not found["live"]:
                assert lit == [cell]
                continue
            assert set(lit) == {c for c in np.ndindex(*labels.shape) if labels[c] == labels[cell]}
            values = np.array([shown.x[c] for c in lit])
            mean = 0.0 if found["mean"] is None else values.mean()
            var = ((values - mean) ** 2).mean()
            assert found["size"] == len(lit)
            assert told(found["var"]) == pytest.approx(var, abs=1e-4)
            if found["mean"] is not None:
                assert told(found["mean"]) == pytest.approx(mean, abs=1e-4)
            eps = number(view["eps"])
            gamma, beta = number(view["gamma"] or "1"), number(view["beta"] or "0")
            assert shown.y[cell] == pytest.approx(
                (shown.x[cell] - mean) / sqrt(var + eps) * gamma + beta, abs=1e-5
            )


def told(text: str) -> float:
    """The last number of ``64 / 16 = 4``."""
    return number(text.split("= ")[-1])


def number(text: str) -> float:
    return float(text.replace("−", "-"))


@pytest.mark.parametrize("index", range(len(NORMS)), ids=map(named, NORMS))
def test_a_norm_s_page_opens_at_the_norm_asked_for(index: int) -> None:
    kind, fields, _ = NORMS[index]
    data = data_of(index, norm=True)
    state = opened(data)
    assert state["kind"] == kind
    for name in ("num_groups", "num_splits"):
        assert name not in fields or state["fields"][name] == fields[name]


@pytest.mark.parametrize("index", range(len(NORMS)), ids=map(named, NORMS))
def test_a_norm_is_torch_s(index: int) -> None:
    torch = pytest.importorskip("torch")
    data = data_of(index, norm=True)
    for at in range(len(data["states"])):
        state = opened(data, at)
        if "evaluation" in state["title"]:
            continue
        shown = Shown(data, state["views"][0])
        names: Json = {
            "given": lambda *shape, x=shown.x: torch.tensor(x),
            "eps": number(state["views"][0]["eps"]),
        }
        code = state["torch"].replace("torch.randn", "given").replace("\n\nx =", "\nlayer.double()\n\nx =")
        exec(code, names)
        np.testing.assert_allclose(names["y"].detach().numpy(), shown.y, atol=1e-6)
