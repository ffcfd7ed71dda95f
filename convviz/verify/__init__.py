"""The proof: what autograd finds in the real module, beside what the analysis says."""

from convviz.verify.check import Disagreement, Reading, Verification, verify

__all__ = ["Disagreement", "Reading", "Verification", "verify"]
