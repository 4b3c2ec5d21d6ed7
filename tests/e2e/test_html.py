"""The page in a real browser: nothing of the server's runs, the filter filters, and it fits every screen."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from test_report_document import FINDING, SILENT, STREAM, document, verdict
from test_report_html import hostile_page

from conformance.judge import Outcome
from conformance.report import write


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1000, "height": 800})
    opened.noise = []
    opened.on("console", lambda message: opened.noise.append(message.text))
    opened.on("pageerror", lambda error: opened.noise.append(str(error)))
    opened.on("dialog", lambda dialog: (opened.noise.append(dialog.message), dialog.dismiss()))
    opened.on("request", lambda request: opened.noise.append(request.url) if request.url[:5] == "http:" else None)
    yield opened
    opened.close()


@pytest.fixture
def report(tmp_path):
    held = verdict(outcome=Outcome.HELD)
    return write(tmp_path / "report", document([verdict(FINDING), held]), [STREAM, SILENT]).as_uri()


def open_everything(page):
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")


def test_nothing_of_a_hostile_server_runs(page, tmp_path):
    file = tmp_path / "index.html"
    file.write_text(hostile_page(), encoding="utf-8", errors="backslashreplace")
    page.goto(file.as_uri())
    open_everything(page)
    page.wait_for_timeout(300)
    assert page.noise == []
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.querySelectorAll('img, iframe, object, svg[onload]').length") == 0


def test_the_policy_of_the_page_stops_what_would_get_into_it(page, report):
    page.goto(report)
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.body.append(script);
            const image = document.createElement("img");
            image.setAttribute("onerror", "document.title = 'owned'");
            image.src = "http://127.0.0.1:9/x.png";
            document.body.append(image);
        }"""
    )
    page.wait_for_timeout(200)
    assert "owned" not in page.title()
    assert any("Content Security Policy" in text for text in page.noise)


def test_the_page_is_quiet_and_loads_nothing(page, report):
    page.goto(report)
    open_everything(page)
    page.wait_for_timeout(200)
    assert page.noise == []


def test_the_filter_hides_what_does_not_fit_and_is_kept_in_the_address(page, report):
    page.goto(report)
    rows = page.locator(".row:visible")
    assert rows.count() == 2
    page.get_by_text("to fix", exact=True).click()
    assert rows.count() == 1
    assert page.locator("#matches").text_content() == "1 of 2"
    page.reload()
    assert rows.count() == 1
    page.keyboard.press("/")
    page.keyboard.type("no such words")
    assert rows.count() == 0
    assert page.locator("#nothing").is_visible()
    page.keyboard.press("Escape")
    assert rows.count() == 1
    assert page.noise == []


def test_a_link_to_a_requirement_or_an_event_opens_it(page, report):
    page.goto(f"{report}#chunk-id-constant")
    assert page.locator("#chunk-id-constant .findings").first.is_visible()
    page.get_by_role("link", name="in the transcript").first.click()
    assert page.locator("#t-001-short-answer-e0").is_visible()


def test_the_keyboard_reaches_every_row(page, report):
    page.goto(report)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator(".row[open]").count() == 1
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    assert page.locator(".row[open]").count() == 0


def test_the_page_is_readable_without_scripts(browser, report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report)
    assert not page.locator("#filter").is_visible()
    page.locator(".row > summary").first.click()
    assert page.locator(".row .findings").first.is_visible()
    context.close()


@pytest.mark.parametrize("width", [320, 400, 800, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_every_screen(page, report, width, scheme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(report)
    open_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_even_a_hostile_page_fits_a_narrow_screen(page, tmp_path):
    file = tmp_path / "index.html"
    file.write_text(hostile_page(), encoding="utf-8", errors="backslashreplace")
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(file.as_uri())
    open_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_every_command_line_has_a_button_that_takes_all_of_it(page, report):
    page.goto(report)
    open_everything(page)
    commands = page.locator(".curl")
    assert commands.count() == page.locator(".curl > button.copy").count() > 0
    commands.first.locator("button").click()
    page.wait_for_function("document.querySelector('.copy').textContent !== 'copy'")
    assert commands.first.locator("button").text_content() in ("copied", "selected")
    assert page.noise == []
