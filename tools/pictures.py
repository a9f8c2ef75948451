"""Make the pictures of README.md from a lab that runs: `PYTHONPATH=. .venv/bin/python tools/pictures.py`.

Needs root, like the lab, and Debian's chromium and chromium-driver. It takes two minutes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.top.app import TopApp
from tests.lab.live import live_lab
from tests.page.browser import browser, window
from tools.board_picture import draw_board

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
SECONDS = 100.0  # of traffic before the pictures
PAGES = {
    "page": (1280, 860, False),
    "page-dark": (1280, 860, True),
    "page-phone": (375, 812, False),
}


def main() -> None:
    """Run the lab, wait, and take every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, live_lab(Path(folder)) as lab:
        print(f"pictures: the lab runs; {SECONDS:.0f} s of traffic", file=sys.stderr)
        time.sleep(SECONDS)
        asyncio.run(picture_of_top(f"http://{lab.bridge}/metrics"))
        with browser() as driver:
            pictures_of_page(driver, f"http://{lab.bridge}/")
            board = Path(folder) / "board.html"
            board.write_text(
                draw_board(ROOT / "dashboards" / "grafana" / "overview.json", lab.prometheus)
            )
            window(driver, 1280, 1180, dark=False)
            driver.get(board.as_uri())
            driver.save_screenshot(str(PICTURES / "overview.png"))


async def picture_of_top(url: str) -> None:
    """Let `top` run without a terminal, and write its screen as SVG."""
    app = TopApp(url, 1.0)
    async with app.run_test(size=(96, 24)) as pilot:
        await pilot.pause(25)
        (PICTURES / "top.svg").write_text(app.export_screenshot(title="pano-bridge top"))


def pictures_of_page(driver: WebDriver, url: str) -> None:
    """Photograph the live page on screens of several sizes."""
    for name, (width, height, dark) in PAGES.items():
        window(driver, width, height, dark=dark)
        driver.get(url)
        time.sleep(2)  # for the charts
        driver.save_screenshot(str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    main()
