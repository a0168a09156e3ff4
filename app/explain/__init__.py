"""From what a run showed to what it means: findings, and a reason for every missing gradient. Pure.

Codes and parameters only: the sentences live in `static/i18n`, the list of codes in `docs/findings.md`.
"""

from app.explain.explain import explain
from app.explain.summary import summary_text

__all__ = ["explain", "summary_text"]
