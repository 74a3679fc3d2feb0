"""What codes of rows held out say of a model while it is fitted: in figures, and in words where they say nothing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from generative_data import GenerativeData

from genrl.generative_model import GenerativeModel

__all__ = ["HIDDEN", "code_figures", "said_of_codes"]

LOOKED_AT = 500  # rows held out
HIDDEN = frozenset({"collapsed_codebooks"})
"""Figures that are said in words alone."""


@torch.no_grad()
def code_figures(model: GenerativeModel, data: GenerativeData) -> dict[str, float]:
    """How many units of a code tell something, and how many codebooks hardly any code of is in use; empty of others.

    Args:
        model: being fitted to `data`; one that has a `collapse_report`, a `codebook_report` or `codebook_reports`.
        data: whose rows held out are encoded.
    """
    if len(data.test) < 2:
        return {}
    x = torch.from_numpy(data.test[:LOOKED_AT]).float().to(model.device)
    context = None if data.test_context is None else data.test_context[:LOOKED_AT]
    figures = {}
    if hasattr(model, "collapse_report"):
        report = model.collapse_report(x, context)
        if hasattr(report, "active_units"):
            figures["active_units"] = float(report.active_units)
    books = [model.codebook_report(x, context)] if hasattr(model, "codebook_report") else []
    books += model.codebook_reports(x, context) if hasattr(model, "codebook_reports") else []
    if books:
        figures["collapsed_codebooks"] = float(sum(book.collapsed for book in books))
    return figures


def said_of_codes(figures: Mapping[str, float]) -> str:
    """What the figures of a report say of codes, for a line of progress; empty where all is well.

    >>> said_of_codes({"loss": 1.2, "active_units": 0.0})
    ', latents collapsed or not yet learned: no unit tells anything of a row'
    >>> said_of_codes({"collapsed_codebooks": 1.0})
    ', codebook collapsed or not yet learned: hardly a code is in use'
    >>> said_of_codes({"active_units": 2.0, "collapsed_codebooks": 0.0})
    ''
    """
    said = ""
    if figures.get("active_units") == 0:
        said += ", latents collapsed or not yet learned: no unit tells anything of a row"
    if figures.get("collapsed_codebooks"):
        said += ", codebook collapsed or not yet learned: hardly a code is in use"
    return said
