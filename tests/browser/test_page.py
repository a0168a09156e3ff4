"""The page under other conditions: without scripts, narrow, dark, in Chinese, with the server gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visit
from tests.browser.test_stories import SMALL

pytestmark = pytest.mark.browser
Open = Callable[..., Visit]
PHONE = {"width": 390, "height": 780}


def test_without_scripts_a_form_post_shows_picture_and_gradients(visit: Open) -> None:
    here = visit(java_script_enabled=False)
    here.page.locator("textarea").fill(SMALL)
    here.page.get_by_role("button", name="Run").click()
    expect(here.page.locator("#picture svg")).to_contain_text("MulBackward0")
    expect(here.page.get_by_role("table", name="Gradients")).to_contain_text("norm")
    expect(here.page.locator("textarea")).to_have_value(SMALL)


def test_without_scripts_an_error_names_its_line_and_keeps_the_code(visit: Open) -> None:
    here = visit(java_script_enabled=False)
    here.page.locator("textarea").fill("x = 1\nfail()\n")
    here.page.get_by_role("button", name="Run").click()
    expect(here.page.get_by_role("alert")).to_contain_text("line 2")
    expect(here.page.locator("textarea")).to_have_value("x = 1\nfail()\n")


def test_a_phone_shows_one_pane_and_never_scrolls_sideways(visit: Open) -> None:
    here = visit(viewport=PHONE, has_touch=True)
    for pane in ("Code", "Graph", "Details"):
        here.page.get_by_role("navigation").get_by_role("button", name=pane).click()
        expect(here.page.get_by_role("region", name=pane, exact=True)).to_be_visible()
        assert here.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(here.page.get_by_role("region", name="Code", exact=True)).to_be_hidden()


def test_the_dark_page_follows_the_system_and_the_switch_overrules_it(visit: Open) -> None:
    here = visit(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = here.page.evaluate(ground)
    here.page.get_by_role("button", name="Switch to light colours").click()
    light = here.page.evaluate(ground)
    assert dark != light
    here.page.reload()
    assert here.page.evaluate(ground) == light


def test_the_page_speaks_chinese(visit: Open) -> None:
    here = visit("/?lang=zh")
    expect(here.page.locator("html")).to_have_attribute("lang", "zh")
    expect(here.page.get_by_role("tab", name="梯度")).to_be_visible()
    expect(here.status).to_contain_text("个节点")


def test_the_code_survives_a_server_that_is_gone(visit: Open) -> None:
    here = visit()
    here.write(SMALL)
    here.page.context.set_offline(True)
    here.page.keyboard.press("ControlOrMeta+Enter")
    here.is_in("offline")
    expect(here.status).to_have_text("Server not reachable — your code is kept")
    expect(here.code).to_contain_text("loss.backward()")
    here.page.context.set_offline(False)
    here.page.locator("[data-banner=offline] button").click()
    here.is_in("done")
    assert all("ERR_INTERNET_DISCONNECTED" in message for message in here.heard)
    here.heard.clear()


def test_typed_code_survives_a_reload(visit: Open) -> None:
    here = visit()
    here.write("kept = 'by the browser'\n")
    here.page.reload()
    expect(here.code).to_contain_text("by the browser")
    here.page.get_by_role("button", name="Start from the example").click()
    expect(here.code).not_to_contain_text("by the browser")


def test_opening_an_example_does_not_lose_typed_code(visit: Open) -> None:
    here = visit()
    here.write("mine = 1\n")
    here.example("chain_rule")
    expect(here.code).not_to_contain_text("mine")
    here.page.get_by_role("button", name="Bring it back").click()
    expect(here.code).to_contain_text("mine = 1")


def test_empty_code_is_not_sent(visit: Open) -> None:
    here = visit()
    here.write(" ")
    here.page.get_by_role("button", name="Run").click()
    here.is_in("empty")
    expect(here.status).to_have_text("There is no code to run")


def test_hostile_names_stay_text(visit: Open) -> None:
    here = visit()
    name = "</title><script>document.title='owned'</script>"
    here.run(
        "import torch\n"
        "class F(torch.autograd.Function):\n"
        "    forward = staticmethod(lambda ctx, x: x * 2)\n"
        "    backward = staticmethod(lambda ctx, g: g * 2)\n"
        f"G = type({name!r}, (F,), {{}})\n"
        "x = torch.ones(2, requires_grad=True)\n"
        "G.apply(x).sum().backward()\n"
        f"print({name!r})\n"
    )
    assert "owned" not in here.page.title()
    expect(here.page.locator("main script")).to_have_count(0)
    expect(here.page.locator("#picture g.node", has_text="<script>")).to_have_count(1)


def test_tab_leaves_the_editor(visit: Open) -> None:
    here = visit()
    here.code.click()
    here.page.keyboard.press("Tab")
    expect(here.code).not_to_be_focused()


def test_nothing_moves_for_those_who_asked_for_stillness(visit: Open) -> None:
    here = visit(reduced_motion="reduce")
    here.node("loss").hover()
    assert here.page.evaluate("document.getAnimations().length") == 0


def test_the_table_tells_what_the_picture_tells(visit: Open) -> None:
    here = visit()
    here.run(SMALL)
    here.page.get_by_role("button", name="Table").click()
    table = here.page.get_by_role("table", name="Nodes of this graph")
    for name in ("SumBackward0", "MulBackward0", "AccumulateGrad"):
        expect(table).to_contain_text(name)
    table.get_by_role("button", name="MulBackward0").click()
    expect(here.page.get_by_role("tabpanel", name="Node")).to_contain_text("MulBackward0")


def test_a_picture_that_cannot_be_drawn_leaves_the_table(visit: Open) -> None:
    here = visit()
    here.page.route("**/api/v1/runs", _without_picture)
    here.page.route("**/picture.json*", lambda route: route.fulfill(status=200, json={"svg": "not a picture"}))
    here.run(SMALL)
    expect(here.page.locator("[data-banner=no_picture]")).to_be_visible()
    expect(here.page.get_by_role("table", name="Nodes of this graph")).to_contain_text("MulBackward0")


def _without_picture(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, json=answer.json() | {"picture": None})
