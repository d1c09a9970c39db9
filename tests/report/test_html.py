"""The report page: what it says, and what it does in a real browser."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from fusionbench.benchmark.results import CellFolder, assign_order, cells_of
from fusionbench.benchmark.score_file import ImageScores
from fusionbench.files import path_name
from fusionbench.images.files import write_image
from fusionbench.report.html import write_html
from fusionbench.report.tables import read_results

METRICS = ["EN", "QCV", "CC@input"]
METHODS = ["average", "lap", "<gff> & #1"]
DEGRADATIONS = ["clean", "vi:ll"]
IMAGES = [f"scene {index}%" for index in range(8)]
HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose names need quoting, with sources of two images, one failed image and one missing score."""
    out = tmp_path_factory.mktemp("runs") / "night & day"
    rng = np.random.default_rng(0)
    for name in IMAGES[:2]:
        ir = np.tile(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, 1))
        vi = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        for folder, seen in (("references", vi), ("clean/inputs", vi), ("vi-ll/inputs", vi // 3)):
            write_image(out / "msrs" / folder / "ir" / f"{name}.png", ir)
            write_image(out / "msrs" / folder / "vi" / f"{name}.png", seen)
    for degradation in DEGRADATIONS:
        for place, method in enumerate(METHODS):
            assign_order([write_cell(out, degradation, method, place, rng)], cells_of(out))
    return out


def write_cell(out, degradation, method, place, rng):
    folder = CellFolder(out / "msrs" / path_name(degradation) / path_name(method))
    shared = {"dataset": "msrs", "degradation": degradation, "protocol": "exact", "seed": 0, "split": "test"}
    folder.bind_settings({**shared, "method": method, "version": "1", "weights": ""}, {"torch": "2"})
    folder.update_meta({"images": {"scored": len(IMAGES), "available": len(IMAGES)}})
    for index, name in enumerate(IMAGES):
        values = {"EN": 5.0 + index / 10 + place, "QCV": 300.0 - 10 * index - place, "CC@input": 0.5}
        if method == "average" and index == 7:
            folder.scores.add(ImageScores(name, "no </script> fused image"), METRICS)
            continue
        if method == "lap" and degradation == "clean":
            values.pop("CC@input")
        write_image(folder.image(name), rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        folder.scores.add(ImageScores(name, "ok", values, digest="d"), METRICS)
    return folder


@pytest.fixture(scope="module")
def page(run):
    return write_html(read_results(run))


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if key in ("src", "href", "srcset", "action") and value]


def content(page) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_page_names_no_address_outside_its_folder(page):
    text = page.read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert [link for link in links.found if not link.startswith(("#", "data:,"))] == []
    # The name space of SVG is a name, not an address that anything is read from.
    assert re.findall(r"(?:https?:)?//[\w.]+", text.replace("http://www.w3.org/2000/svg", "")) == []
    assert not re.search(r"@import|url\(", text)


def test_every_picture_of_the_page_is_there(page):
    found = content(page)
    gallery = [address for entry in found["gallery"] for pics in entry["degradations"].values() for _, address in pics]
    thumbs = [path for block in found["blocks"] for images in block["thumbs"].values() for path in images.values()]
    assert gallery
    assert thumbs
    written = {path.relative_to(page.parent).as_posix() for path in (page.parent / "assets").rglob("*.jpg")}
    assert {unquote(address) for address in gallery + thumbs} == written


def test_gallery_holds_sources_where_the_run_kept_them(page):
    entries = {entry["image"]: entry for entry in content(page)["gallery"]}
    assert list(entries) == IMAGES[:4]
    labels = [label for label, _ in entries[IMAGES[0]]["degradations"]["vi:ll"]]
    assert labels == ["infrared", "visible", "visible, reference", *METHODS]
    assert [label for label, _ in entries[IMAGES[3]]["degradations"]["vi:ll"]] == METHODS
    assert (entries[IMAGES[3]]["width"], entries[IMAGES[3]]["height"]) == (WIDTH, HEIGHT)


def test_picks_follow_the_direction_of_the_score(page):
    block = content(page)["blocks"][0]
    assert block["picks"]["lap"]["EN"] == [[IMAGES[7], IMAGES[6], IMAGES[5]], [IMAGES[0], IMAGES[1], IMAGES[2]]]
    assert block["picks"]["lap"]["QCV"] == [[IMAGES[7], IMAGES[6], IMAGES[5]], [IMAGES[0], IMAGES[1], IMAGES[2]]]
    assert block["picks"]["lap"]["CC@input"] == [[], []]


def test_values_of_the_page_are_those_of_the_files(page, run):
    for block in content(page)["blocks"]:
        for method in METHODS:
            rows = CellFolder(run / "msrs" / path_name(block["degradation"]) / path_name(method)).rows()
            for metric in METRICS:
                wanted = [rows[name].values.get(metric) for name in block["images"]]
                assert block["values"][metric][method] == [None if x is None else pytest.approx(x) for x in wanted]


def test_missing_images_and_scores_are_told(page):
    text = page.read_text(encoding="utf-8")
    assert "msrs, clean, average, scene 7%: no &lt;/script&gt; fused image" in text
    assert "<small>7/8</small>" in text


def test_second_writing_renews_changed_pictures_only(run, page):
    times = {path: path.stat().st_mtime_ns for path in (page.parent / "assets").rglob("*.jpg")}
    stale = page.parent / "assets" / "gone.jpg"
    stale.write_bytes(b"")
    changed = CellFolder(run / "msrs" / "clean" / "lap").image(IMAGES[0])
    later = max(times.values()) + 10**9
    os.utime(changed, ns=(later, later))
    write_html(read_results(run))
    again = {path: path.stat().st_mtime_ns for path in (page.parent / "assets").rglob("*.jpg")}
    assert set(again) == set(times)
    renewed = [path for path in times if again[path] != times[path]]
    assert {path.relative_to(page.parent / "assets").parts[1:] for path in renewed} == {
        ("msrs", "clean", "lap", "images", f"{IMAGES[0]}.jpg")
    }


# ---- in the browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium that talks to nobody."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None or (controller := shutil.which("chromedriver")) is None:
        pytest.skip("no Chromium with chromedriver on the PATH")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium steers the browser; it is in the dev extra")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("profile")
    switches = (
        "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
        "disable-component-update disable-sync disable-dev-shm-usage force-prefers-reduced-motion window-size=1200,900"
    )
    for switch in [*switches.split(), f"user-data-dir={profile}"]:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(controller))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page):
    """The page, freshly loaded; the test fails if the console has anything to say in the end."""
    browser.get(page.as_uri())
    browser.get_log("browser")
    browser.refresh()
    yield browser
    assert browser.get_log("browser") == []


def css(browser, selector):
    return browser.find_elements("css selector", selector)


def column(browser, place):
    rows = "return [...document.querySelector('table').tBodies[0].rows].map(row => row.cells[arguments[0]].innerText)"
    return browser.execute_script(rows, place)


def choose(browser, select, value):
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", select)).select_by_visible_text(value)


@pytest.mark.parametrize("how", ["click", "keyboard"])
def test_heading_sorts_best_first_then_worst_first(opened, how):
    def press(button):
        button.click() if how == "click" else button.send_keys("\n")

    heads = css(opened, "table:first-of-type thead th")[: len(METRICS) + 1]
    buttons = [head.find_element("css selector", "button") for head in heads]
    assert column(opened, 0) == METHODS
    press(buttons[1])
    assert column(opened, 0) == [METHODS[2], METHODS[1], METHODS[0]]
    assert heads[1].get_attribute("aria-sort") == "descending"
    press(buttons[1])
    assert column(opened, 0) == METHODS
    assert heads[1].get_attribute("aria-sort") == "ascending"
    press(buttons[2])  # lower is better
    assert heads[2].get_attribute("aria-sort") == "ascending"
    assert heads[1].get_attribute("aria-sort") is None
    assert [float(text.split()[0]) for text in column(opened, 2)] == sorted(
        float(text.split()[0]) for text in column(opened, 2)
    )


def test_missing_means_stay_last_in_both_orders(opened):
    button = css(opened, "table:first-of-type thead th button")[3]
    for _ in range(2):
        button.click()
        assert column(opened, 3)[-1] == "-"


def test_charts_show_every_method_and_hide_what_is_unticked(opened):
    marks = "#chart svg path[transform]"
    assert len(css(opened, marks)) == len(METHODS) * len(DEGRADATIONS)
    assert len(css(opened, "#profile-chart svg path[transform]")) == len(METHODS) * len(METRICS) - 1
    css(opened, "#legend input")[0].click()
    assert len(css(opened, marks)) == (len(METHODS) - 1) * len(DEGRADATIONS)


def test_slider_uncovers_the_left_picture_by_key_and_by_pointer(opened):
    from selenium.webdriver import ActionChains

    over, slider = opened.find_element("id", "over"), opened.find_element("id", "slider")
    before = over.value_of_css_property("clip-path")
    slider.send_keys("\ue014" * 4)  # right arrow
    assert float(slider.get_attribute("value")) == 52
    assert over.value_of_css_property("clip-path") != before
    stage = opened.find_element("id", "stage")
    handle = opened.find_element("id", "handle")
    ActionChains(opened).drag_and_drop_by_offset(handle, -round(stage.size["width"] / 4), 0).perform()
    assert float(slider.get_attribute("value")) == pytest.approx(27, abs=1)
    assert slider.get_attribute("aria-valuetext") == f"27 % visible, the rest {METHODS[-1]}"


def views(browser):
    return {picture.get_attribute("style") for picture in css(browser, "#crops img")}


def test_crop_moves_in_all_pictures_at_once(opened):
    from selenium.webdriver import ActionChains

    assert len(css(opened, "#crops img")) == 2 + len(METHODS)
    crops = opened.find_element("id", "crops")
    seen = [views(opened)]
    stage = opened.find_element("id", "stage")
    ActionChains(opened).move_to_element_with_offset(stage, -200, -100).click().perform()
    seen.append(views(opened))
    for key in ("\ue012", "+", "-", "\ue013"):  # left and up
        crops.send_keys(key)
        seen.append(views(opened))
    pane = css(opened, "#crops .window")[1]
    ActionChains(opened).drag_and_drop_by_offset(pane, 30, 20).perform()
    seen.append(views(opened))
    assert all(len(styles) == 1 for styles in seen)
    assert all(before != after for before, after in itertools.pairwise(seen))
    opened.find_element("id", "reset").click()
    assert views(opened) == seen[0]


def test_image_without_sources_shows_the_fused_ones(opened):
    choose(opened, "gallery-image", f"msrs, {IMAGES[3]} (fused only)")
    assert len(css(opened, "#crops img")) == len(METHODS)
    assert "fused images alone" in opened.find_element("id", "gallery-note").text
    assert all(picture.get_property("naturalWidth") == WIDTH for picture in css(opened, "#crops img, #stage img"))


def test_best_and_worst_images_follow_the_choice_and_open_in_the_gallery(opened):
    choose(opened, "extremes-method", "lap")
    assert [caption.text for caption in css(opened, "#picks figcaption span:first-child")] == [
        IMAGES[index] for index in (7, 6, 5, 0, 1, 2)
    ]
    css(opened, "#picks button")[-1].click()
    assert opened.find_element("id", "gallery-image").get_property("value") == "2"
    assert opened.find_element("id", "right-tag").text == "lap"


def test_dark_and_light_follow_the_system_and_the_button(opened):
    def paper():
        return opened.execute_script("return getComputedStyle(document.body).backgroundColor")

    def system(scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    system("light")
    light = paper()
    system("dark")
    dark = paper()
    assert light != dark
    button = opened.find_element("id", "theme")
    button.click()
    assert (button.text, paper()) == ("Colours: dark", dark)
    button.click()
    assert (button.text, paper()) == ("Colours: light", light)
    button.click()
    assert paper() == dark
    system("")


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_page_scrolls_only_downwards(opened, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened.refresh()
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_control_has_a_name_and_can_be_reached_by_key(opened):
    nameless = """
        return [...document.querySelectorAll("button, select, input, img, [tabindex]")].filter(
            (one) => one.tabIndex < 0 && one.tagName !== "IMG" || !(one.labels?.length || one.textContent.trim()
                || one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.alt || one.title
                || one.querySelector("img[alt]"))).map((one) => one.outerHTML)"""
    assert opened.execute_script(nameless) == []


def test_page_asks_for_nothing_but_files_beside_it(opened, page):
    names = opened.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in names if not name.startswith(("data:", page.parent.as_uri()))] == []
