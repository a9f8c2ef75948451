"""Debian's Chromium without a screen, by Selenium."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver.chrome.webdriver import WebDriver

PROGRAMS = ("chromium", "chromedriver")


@contextmanager
def browser() -> Iterator[WebDriver]:
    """Start it, and end it."""
    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    # Root in a container has no user namespaces for Chromium's sandbox; it sees our own page only.
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Selenium's own finder of drivers would ask the network.
    service = Service(shutil.which("chromedriver"), env=os.environ | {"SE_OFFLINE": "true"})
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def window(driver: WebDriver, width: int, height: int, *, dark: bool) -> None:
    """Be a screen of that size, in CSS pixels."""
    mobile = width < 600
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def whole_page(driver: WebDriver) -> int:
    """Tell the height of the page, in CSS pixels."""
    return int(driver.execute_script("return document.documentElement.scrollHeight"))
