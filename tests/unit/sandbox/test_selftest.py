"""The self-test believes in a layer only when the child reported it and every canary of it was held."""

from __future__ import annotations

import pytest

from app.protocol import FILE_LAYERS, REQUIRED_LAYERS
from app.sandbox.canaries import CANARIES
from app.sandbox.selftest import SelfTest, judge

HELD = [f"canary {layer} {name} held" for layer, name in CANARIES]


def stands(tested: SelfTest, name: str) -> bool:
    return next(layer.stands for layer in tested.layers if layer.name == name)


@pytest.mark.parametrize("files", FILE_LAYERS)
def test_all_required_layers_and_either_file_layer_suffice(files: str) -> None:
    tested = judge((*REQUIRED_LAYERS, files), HELD)
    assert tested.missing == ()
    assert stands(tested, files)
    assert not stands(tested, "namespaces:net")


@pytest.mark.parametrize("name", REQUIRED_LAYERS)
def test_each_required_layer_that_is_not_in_place_is_named(name: str) -> None:
    reported = tuple(layer for layer in (*REQUIRED_LAYERS, "landlock") if layer != name)
    assert judge(reported, HELD).missing == (f"{name}: not in place",)


def test_without_any_file_layer_one_is_named_as_missing() -> None:
    assert judge(REQUIRED_LAYERS, HELD).missing == ("landlock: not in place",)


@pytest.mark.parametrize("at", range(len(CANARIES)), ids=lambda at: "-".join(CANARIES[at]))
def test_every_canary_that_gets_out_or_stays_silent_brings_its_layer_down(at: int) -> None:
    layer, name = CANARIES[at]
    got_out = [*HELD[:at], HELD[at].replace("held", "OPEN"), *HELD[at + 1 :]]
    for lines in (got_out, HELD[:at] + HELD[at + 1 :]):
        (missing,) = judge((*REQUIRED_LAYERS, "landlock"), lines).missing
        assert missing == f"{'landlock' if layer == 'files' else layer}: canary {name} got out"


def test_a_contradiction_counts_against_the_layer() -> None:
    assert judge((*REQUIRED_LAYERS, "landlock"), [HELD[0].replace("held", "OPEN"), *HELD]).missing
