"""The live page in a real browser: it draws, complains of nothing, and takes names as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from axe_selenium_python import Axe
from selenium.webdriver.common.by import By

from tests.bridge.living import Living, wait_until
from tests.page.browser import PROGRAMS, browser, window
from tests.page.traffic import busy_bridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver


SIZES = [(1440, 900, False), (1440, 900, True), (375, 812, False), (375, 812, True)]


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Run a bridge that counts live traffic."""
    with busy_bridge(tmp_path_factory.mktemp("page")) as living:
        yield living


@pytest.fixture(scope="module")
def driver(require: Callable[[str], str]) -> Iterator[WebDriver]:
    """Start a browser, once."""
    for program in PROGRAMS:
        require(program)
    with browser() as started:
        yield started


def data(bridge: Living) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bridge.get("/page/data.json").body)
    return found


def scraped(bridge: Living, points: int) -> None:
    """Be a Prometheus, so that there are checkpoints, until the page has so many points."""

    def enough() -> bool:
        bridge.page()
        return len(data(bridge).get("points", {"time": []})["time"]) >= points

    wait_until(enough, f"{points} points")


def test_in_a_browser(bridge: Living, driver: WebDriver, tmp_path: Path) -> None:
    scraped(bridge, 1)
    driver.get(bridge.url + "/")
    wait_until(lambda: bool(driver.find_elements(By.CSS_SELECTOR, "canvas")), "charts")
    points = driver.execute_script("return charts.get('c-queries').plot.data[0].length")
    scraped(bridge, points + 1)
    moved = "return charts.get('c-queries').plot.data[0].length"
    wait_until(lambda: driver.execute_script(moved) > points, "charts move")
    # Names from the wire are text.
    cells = [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, "#failures td.name")]
    assert any("<script>" in cell for cell in cells)
    assert driver.title == "PANO: DNS now"
    assert len(driver.find_elements(By.CSS_SELECTOR, "#servers tbody tr")) == 3
    axe = Axe(driver)
    axe.inject()
    for width, height, dark in SIZES:
        window(driver, width, height, dark=dark)
        driver.execute_script("scrollTo(0, 0)")
        driver.save_screenshot(str(tmp_path / f"{width}-{'dark' if dark else 'light'}.png"))
        wide = driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, "the page is wider than the screen"
        if (width < 600) != dark:
            continue  # each width once, each colour once
        faults = axe.run()["violations"]
        assert [f["id"] for f in faults if f["impact"] in ("serious", "critical")] == []
    assert [entry["message"] for entry in driver.get_log("browser")] == []  # type: ignore[no-untyped-call]


def test_the_policy_lets_nothing_else_in(bridge: Living) -> None:
    for path in ("/", "/page/page.js", "/page/data.json"):
        answer = bridge.get(path)
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
    assert b"<script>" not in bridge.get("/").body
    assert b" style=" not in bridge.get("/").body
    assert bridge.get("/page/../config").status == 404


def test_the_figures_are_those_of_metrics(bridge: Living) -> None:
    scraped(bridge, 3)
    told = data(bridge)
    (queries,) = {round(q) for q in told["points"]["queries"][-1:]}
    assert 50 < queries < 500  # 40 every 0.1 s, less what the machine is late
    share = told["points"]["servfail"][-1]
    assert share == pytest.approx(0.05, abs=0.02)
    assert {row["server"] for row in told["servers"]} == {f"192.0.2.{n}" for n in (53, 54, 55)}
    kinds = {failure["rcode"] for failure in told["failures"]}
    assert kinds == {"SERVFAIL", "timeout"}
    assert len(told["failures"]) == 50


def test_without_the_page_there_are_links(tmp_path: Path) -> None:
    config = tmp_path / "pano.toml"
    config.write_text("[page]\nenabled = false\n")
    (tmp_path / "dns.log").touch()
    source = f"log:{tmp_path / 'dns.log'}"
    bridge = Living(tmp_path, "--source", source, "--config", str(config))
    try:
        assert b'href="/metrics"' in bridge.get("/").body
        assert bridge.get("/page/data.json").status == 404
    finally:
        bridge.end()
