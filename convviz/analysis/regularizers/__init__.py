"""Penalties, the steps of optimizers, decay, dropout, and why they do what they do."""
