"""Films of scenes: each made in a process of its own, put in place whole, left alone where nothing has changed.

Nothing here imports manim: the worker does, by way of ``convviz.scenes``, in its own process.
"""
