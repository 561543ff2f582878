"""A curator's morning in a browser: with and without JavaScript, on a laptop and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]

pytestmark = pytest.mark.browser

LOW_CONTRAST = """() => {
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const opaque = colour => parts(colour).length === 3 || parts(colour)[3] === 1;
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (opaque(colour)) return parts(colour);
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("svg") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(parts(style.color)), luminance(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""


def names(page: Page) -> list[str]:
    return page.locator(".risks .student a").all_inner_texts()


def test_the_morning(open_page: OpenPage) -> None:
    page = open_page()
    assert names(page)[:2] == ["Daria Melnikova", "Chen Jing"]

    page.select_option("#f-course", label="Data analysis")
    page.wait_for_url("**course=da-2**")
    assert names(page)[:2] == ["Chen Jing", "Marta Nowak"]

    page.get_by_role("link", name="Marta Nowak").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Marta Nowak")
    expect(page.locator(".reasons li").first).to_contain_text("Skips 71% of the video")
    expect(page.locator(".recommended")).to_contain_text("Advanced materials")

    page.get_by_label("Note").fill("Will try the harder track.")
    page.get_by_role("button", name="Already spoke").click()
    expect(page.get_by_role("status")).to_contain_text("Noted: already spoke.")
    expect(page.locator(".history")).to_contain_text("Will try the harder track.")

    page.get_by_role("button", name="РУ").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.get_by_role("heading", level=1)).to_have_text("Marta Nowak")

    page.get_by_role("link", name="К списку").click()
    page.wait_for_url("**course=da-2**")
    expect(page.locator("tr", has_text="Marta Nowak")).to_contain_text("Уже поговорили")

    page.get_by_role("button", name="Выйти").click()
    page.wait_for_url("**/login")


def test_the_same_without_javascript(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.select_option("#f-state", value="changed")
    page.get_by_role("button", name="Show").click()
    assert names(page) == ["Daria Melnikova"]
    page.get_by_role("link", name="Clear filters").click()
    page.get_by_role("link", name="High 5").click()
    assert len(names(page)) == 5
    page.get_by_role("link", name="Chen Jing").click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("status")).to_contain_text("Noted: done.")
    page.get_by_role("link", name="Next: Ilya Sokolov").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ilya Sokolov")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")


@pytest.mark.parametrize(("lang", "width"), [("en", 360), ("ru", 360), ("zh", 360), ("ru", 820)])
def test_nothing_is_cut_off_on_a_phone_or_a_tablet(open_page: OpenPage, tmp_path: Path, lang: str, width: int) -> None:
    page = open_page("head", lang, width, 740)
    for picture in ("list", "card"):
        page.screenshot(path=tmp_path / f"{picture}-{lang}-{width}.png", full_page=True)
        scroll, client = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert scroll == client == width
        wider = (
            "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility() && !e.closest('.unseen, thead') "
        )
        wider += "&& e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className || e.tagName)"
        assert page.evaluate(wider) == []
        if picture == "list":
            row = page.locator(".risks tbody tr").first
            assert row.evaluate("row => getComputedStyle(row).display") == "grid"
            page.locator(".risks .student a").first.click()
            page.wait_for_selector(".card")


def test_it_can_be_worked_by_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    assert skip.evaluate("e => e.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    student = page.get_by_role("link", name="Daria Melnikova")
    for _ in range(20):
        page.keyboard.press("Tab")
        if student.evaluate("e => e === document.activeElement"):
            break
    expect(student).to_be_focused()
    assert student.evaluate("e => getComputedStyle(e, '::after').outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Daria Melnikova")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_readable(open_page: OpenPage, scheme: str) -> None:
    """WCAG AA asks for a contrast of 4.5 : 1."""
    page = open_page("head", color_scheme=scheme)
    assert page.evaluate(LOW_CONTRAST) == []
    page.goto(page.url + "?state=answered")
    assert page.evaluate(LOW_CONTRAST) == []
    page.get_by_role("link", name="Nora Berg").click()
    page.wait_for_selector(".card")
    assert page.evaluate(LOW_CONTRAST) == []
    page.get_by_role("button", name="Done").click()
    page.wait_for_selector(".notice")
    assert page.evaluate(LOW_CONTRAST) == []


def test_the_table_is_still_a_table_for_screen_readers_on_a_phone(open_page: OpenPage) -> None:
    page = open_page(width=390)
    assert page.get_by_role("table").count() == 1
    assert page.get_by_role("columnheader").count() == 5
    assert page.get_by_role("rowheader", name="Daria Melnikova").count() == 1
