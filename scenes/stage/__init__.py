"""What all scenes share: the board, ink on it, views of plans, and the story that they are told in."""

from convviz.scenes.stage.story import Story

__all__ = ["Story"]
