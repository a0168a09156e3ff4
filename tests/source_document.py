"""The situations by which the document behind this product teaches gradients, in our own examples, and what each must
show. Asked of the API and of the page."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conftest import ROOT


@dataclass(frozen=True)
class Situation:
    """`drawn`: texts that stand on boxes of the picture. `told`: of a tensor, what its row says of its gradient."""

    example: str
    status: str
    drawn: tuple[str, ...]
    told: dict[str, str]

    @property
    def code(self) -> str:
        return (ROOT / "examples" / f"{self.example}.py").read_text(encoding="utf-8")


SITUATIONS = (
    Situation(
        "requires_grad_default",
        "error",
        ("energy · mul — not recorded", "dot — not recorded", "speed · leaf"),
        {"speed": "made on line 5 without requires_grad=True"},
    ),
    Situation("requires_grad_false", "error", ("not recorded",), {"speed": "without requires_grad=True"}),
    Situation(
        "requires_grad_true", "ok", ("energy · MulBackward0", "DotBackward0", "speed · leaf"), {"speed": "norm 5"}
    ),
    Situation(
        "grad_fn_and_grad",
        "ok",
        ("cost · SubBackward0", "area · SumBackward0", "side · leaf"),
        {"area": "retain_grad()", "side": "norm"},
    ),
    Situation(
        "no_grad_block", "ok", ("inside no_grad(), line 7", "price · leaf"), {"quote": "torch.no_grad(), line 7"}
    ),
    Situation("no_grad_decorator", "ok", ("quiet",), {"quiet": "torch.no_grad(), line 5"}),
    Situation(
        "detach",
        "ok",
        ("fixed · detach — not recorded", "encoder · leaf", "decoder · leaf"),
        {"encoder": "cut by detach() on line 9", "decoder": "norm"},
    ),
    Situation(
        "frozen_layer",
        "ok",
        ("model.0.weight · frozen", "model.2.weight · parameter"),
        {"model.0.weight": "Frozen: line 8", "model.2.weight": "norm"},
    ),
)
