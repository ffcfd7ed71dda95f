"""What a scene is asked to show: fields of an op, a layer of a net, theme and speed, checked against what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from convviz.scenes.catalogue import Entry

from convviz import theme as themes
from convviz.errors import ConvvizError, nearest

if TYPE_CHECKING:
    from convviz.graph import Graph, Node
    from convviz.plan.model import Plan

Shape = tuple[int, ...]
SLOWEST, FASTEST = 0.25, 8.0  # of --speed: readable at the one end, frames to see at the other


@dataclass(frozen=True)
class Settings:
    """Settings of one film.

    fields: of the op, or a scene's own. input: shape, channels first. model: a net as `convviz.read` takes it;
    layer: of that net. speed: 2 plays twice as fast. seed: of the numbers in plans.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    input: Shape | None = None
    model: str | None = None
    layer: str | None = None
    theme: str = "light"
    speed: float = 1.0
    seed: int = 0

    @classmethod
    def of(cls, **given: Any) -> Settings:
        """Settings from keywords: those that are no names of this record are fields.

        >>> Settings.of(kernel_size=5, input="1x9", theme="dark").fields
        {'kernel_size': 5}
        """
        own = {
            name: given.pop(name) for name in ("model", "layer", "theme", "speed", "seed") if name in given
        }
        shape = given.pop("input", None)
        if isinstance(shape, str):
            from convviz.read import parse_input

            parsed = parse_input(shape)
            if isinstance(parsed, dict):
                raise ConvvizError("a scene shows one input, such as 1x7x7", "input")
            shape = parsed
        return cls(fields=given, input=None if shape is None else tuple(shape), **own)

    def check(self, entry: Entry) -> None:
        """Raises ConvvizError for what the scene does not take, and for values that no scene could show."""
        themes.theme(self.theme)
        if (
            isinstance(self.speed, bool)
            or not isinstance(self.speed, int | float)
            or not isfinite(self.speed)
        ):
            raise ConvvizError(f"must be a number, got {self.speed!r}", "speed")
        if not SLOWEST <= self.speed <= FASTEST:
            raise ConvvizError(f"must lie between {SLOWEST} and {FASTEST:g}, got {self.speed:g}", "speed")
        takes = [name for name in entry.takes if name != "input"]
        for name in self.fields:
            if name not in takes:
                known = f"it takes {', '.join(takes)}" if takes else "it takes none"
                raise ConvvizError(
                    f"the scene {entry.name} has no setting {name!r}{nearest(name, takes)} ({known})", name
                )
        if self.input is not None and "input" not in entry.takes and not (self.model and entry.sources):
            raise ConvvizError(f"the scene {entry.name} has an input of its own", "input")
        if self.layer is not None and self.model is None:
            raise ConvvizError("is of a net; name one with model", "layer")
        if self.model is None:
            return
        if not entry.sources:
            raise ConvvizError(f"the scene {entry.name} shows no net", "model")
        if self.layer is None and "net" not in entry.sources:
            raise ConvvizError(
                f"the scene {entry.name} shows one layer of a net; name it with layer", "model"
            )
        if self.layer is not None and "layer" not in entry.sources:
            raise ConvvizError(f"the scene {entry.name} shows a whole net, not one layer", "layer")
        own = [name for name in self.fields if name in FIXED]
        if self.layer is not None and own:
            raise ConvvizError("a layer has its own fields; they cannot be set", own[0])

    def graph(self, default: str | None = None) -> Graph:
        """The net that is named, or ``default``, a bundled one; raises ConvvizError."""
        from convviz.read import read

        name = self.model or default
        if name is None:
            raise ConvvizError("no net is named", "model")
        return read(name, self.input if self.model else None)

    def node(self) -> Node | None:
        """The layer of a net that is named; None where none is. Raises ConvvizError for an unknown one."""
        return None if self.layer is None else self.graph()[self.layer]

    def plan(
        self, kind: str, input: Sequence[int] | None = None, view: str | None = None, **defaults: Any
    ) -> Plan:
        """The plan of the layer that is named, else of ``kind`` with these fields over ``defaults``.

        input: shape where the settings have none. Raises ConvvizError.
        """
        from convviz import plan as plans

        if self.model is not None and self.layer is not None:
            graph = self.graph()
            if kind in CONVS and graph[self.layer].op.kind != "conv":
                raise ConvvizError(
                    f"the scene shows a convolution, got {graph[self.layer].op.kind}", self.layer
                )
            return plans.of_layer(graph, self.layer, view=view, seed=self.seed)
        shape = self.input if self.input is not None else None if self.fields else input
        return plans.plan(kind, {**defaults, **self.fields}, shape, view=view, seed=self.seed)


# Forms that are a single convolution with its fields set.
CONVS = (
    "conv", "multi_channel_conv", "strided_conv", "dilated_conv", "grouped_conv", "depthwise_conv", "pointwise_conv",
)  # fmt: skip
# Fields that a layer of a net has itself.
FIXED = (
    "out_channels", "kernel_size", "stride", "padding", "output_padding", "dilation", "groups", "bias", "padding_mode",
    "upscale_factor", "num_groups", "p", "momentum",
)  # fmt: skip
