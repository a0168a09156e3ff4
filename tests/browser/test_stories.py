"""What a newcomer does in the first five minutes, in a real browser on the real sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser
Open = Callable[..., Visit]

SMALL = "import torch\nw = torch.ones(3, requires_grad=True)\nloss = (w * 3).sum()\nloss.backward()\n"


def test_the_first_visit_shows_an_example_that_already_ran(visit: Open) -> None:
    here = visit()
    here.is_in("done")
    assert here.page.locator("#picture g.node").count() >= 4
    expect(here.status).to_have_text(re.compile(r"Done in [\d.]+ s: \d+ nodes, \d+ gradients?, \d+ findings?"))


def test_edited_code_runs_with_the_keyboard_and_the_caret_stays(visit: Open) -> None:
    here = visit()
    here.run(SMALL)
    expect(here.status).to_have_text(re.compile(r"Done in .* 3 nodes, 1 gradient,"))
    expect(here.node("MulBackward0")).to_be_visible()
    expect(here.code).to_be_focused()
    here.page.keyboard.type("# here")
    assert here.code.inner_text().rstrip().endswith("# here")


def test_a_node_marks_its_line_and_a_line_its_nodes(visit: Open) -> None:
    here = visit()
    here.run(SMALL)
    here.node("MulBackward0").click()
    expect(here.page.locator(".cm-linked")).to_have_text("loss = (w * 3).sum()")
    expect(here.page.get_by_role("tabpanel", name="Node")).to_contain_text("line 3")
    here.line("w = torch.ones").click()
    expect(here.page.locator("#picture g.node.linked")).to_have_count(1)
    expect(here.page.locator("#picture g.node.linked")).to_contain_text("leaf")


def test_a_node_is_found_and_selected_by_keyboard_alone(visit: Open) -> None:
    here = visit()
    here.run(SMALL)
    for key in ("Alt+2", "ArrowDown", "Enter"):
        here.page.keyboard.press(key)
    panel = here.page.get_by_role("tabpanel", name="Node")
    expect(panel).to_contain_text("MulBackward0")
    expect(panel).to_contain_text("norm")
    here.page.keyboard.press("l")
    expect(here.code).to_be_focused()


def test_a_non_leaf_says_why_it_has_no_gradient_and_its_fix_gives_one(visit: Open) -> None:
    here = visit()
    here.example("non_leaf_grad")
    expect(here.row("y")).to_contain_text("None")
    expect(here.row("y")).to_contain_text("not a leaf")
    expect(here.row("y")).to_contain_text("retain_grad")
    here.tab("Explain")
    here.page.get_by_text("Show fix").first.click()
    here.page.get_by_role("button", name="Apply to the code").first.click()
    expect(here.code).to_contain_text("retain_grad()")
    with here.page.expect_response("**/api/v1/runs"):
        here.page.get_by_role("button", name="Run").click()
    here.tab("Gradients")
    expect(here.row("y")).to_contain_text("norm")


def test_an_applied_fix_is_undone_by_the_editor(visit: Open) -> None:
    here = visit()
    here.example("non_leaf_grad")
    before = here.code.inner_text()
    here.tab("Explain")
    here.page.get_by_text("Show fix").first.click()
    here.page.get_by_role("button", name="Apply to the code").first.click()
    here.code.press("ControlOrMeta+z")
    assert here.code.inner_text() == before


def test_a_detached_tensor_shows_the_cut_with_its_line(visit: Open) -> None:
    here = visit()
    here.example("detach")
    expect(here.row("encoder")).to_contain_text(re.compile(r"line 9"))
    here.page.get_by_role("button", name="Show that part").click()
    expect(here.page.locator("#picture g.edge.kind-cut").first).to_contain_text("detach()")
    expect(here.page.locator("#picture g.edge.kind-cut").first).to_contain_text("line 9")


def test_a_frozen_layer_is_named_and_can_be_filtered_out(visit: Open) -> None:
    here = visit()
    here.example("frozen_layer")
    rows = here.page.locator("#panel-gradients tbody tr")
    everything = rows.count()
    expect(here.page.locator("#panel-gradients")).to_contain_text("frozen")
    here.page.get_by_label("needs gradient").check()
    expect(here.page.locator("#panel-gradients .filter")).to_contain_text(f"{rows.count()} of {everything} tensors")
    assert rows.count() <= everything - 2
    expect(here.page.locator("#panel-gradients tbody")).not_to_contain_text("frozen")


def test_a_syntax_error_names_its_line_and_keeps_the_last_picture(visit: Open) -> None:
    here = visit()
    here.run(SMALL)
    here.run("import torch\nloss = (\n", "error")
    expect(here.page.get_by_role("alert")).to_contain_text("line 2")
    expect(here.page.locator(".badge.failed")).to_have_count(1)
    expect(here.page.locator("[data-banner=last_good]")).to_contain_text("Last good graph")
    expect(here.page.locator("#stage")).to_have_attribute("aria-busy", "false")
    expect(here.node("MulBackward0")).to_be_visible()


def test_an_endless_loop_is_cancelled_and_the_next_run_works(visit: Open) -> None:
    here = visit()
    here.write("while True: pass\n")
    here.page.keyboard.press("ControlOrMeta+Enter")
    here.page.get_by_role("button", name="Cancel").click()
    here.is_in("cancelled")
    expect(here.code).to_contain_text("while True")
    here.run(SMALL)


@pytest.mark.slow
def test_an_endless_loop_is_stopped_at_the_limit_with_its_number(visit: Open) -> None:
    here = visit()
    here.write("while True: pass\n")
    here.page.keyboard.press("ControlOrMeta+Enter")
    expect(here.main).to_have_attribute("data-state", "error", timeout=40_000)
    expect(here.page.get_by_role("alert")).to_contain_text("10 s")
    expect(here.page.locator(".cm-error-line")).to_contain_text("while True")


def test_a_graph_that_failed_half_way_is_shown_as_partial(visit: Open) -> None:
    here = visit()
    here.run("import torch\nx = torch.ones(5)\ny = 2 * torch.dot(x, x)\ny.backward()\n", "error")
    expect(here.page.locator("[data-banner=partial]")).to_contain_text("stopped at line 4")
    expect(here.page.locator("#picture g.node.kind-unrecorded")).to_have_count(2)
    expect(here.page.get_by_role("alert")).to_contain_text("does not require grad")


def test_each_call_has_its_picture(visit: Open) -> None:
    here = visit()
    here.run("import torch\nw = torch.ones(2, requires_grad=True)\nw.sum().backward()\n(w * w).sum().backward()\n")
    choice = here.page.get_by_label("Which graph")
    expect(choice).to_contain_text("backward() call 1 of 2, line 3")
    choice.select_option(index=0)
    expect(here.page.locator("#picture g.node", has_text="MulBackward0")).to_have_count(0)


def test_a_big_graph_starts_at_the_loss_at_a_readable_size(visit: Open) -> None:
    here = visit()
    here.example("transformer_encoder")
    here.is_in("big")
    expect(here.page.locator("[data-banner=big]")).to_contain_text("335 nodes")
    text = here.node("loss").locator("text").first
    expect(text).to_be_in_viewport()
    assert (text.bounding_box() or {"height": 0})["height"] >= 9
