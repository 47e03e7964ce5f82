#!/usr/bin/env python3
"""Takes the pictures of the README again, out of a demo of its own: python3 scripts/pictures.py

Needs Chromium and the packages of requirements-dev.txt, and a minute.
"""

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _venv

PICTURES = _venv.PROJECT / "docs" / "screenshots"
SIZE = {"width": 1180, "height": 800}
PEOPLE = 100_000  # enough for a forecast of more than an hour


def main():
    _venv.enter("requirements-dev.txt")
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, demo(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(base_url=url, viewport=SIZE, reduced_motion="reduce")
        look(page, json.loads((Path(folder) / "demo-sign-in.json").read_text())["alice@example.com"])
        browser.close()


@contextlib.contextmanager
def demo(folder):
    """Its address."""
    from scripts.lab.ports import free_port

    port = free_port()
    options = ["--demo", "--recipients", str(PEOPLE), "--data-dir", folder, "--port", str(port)]
    running = subprocess.Popen([sys.executable, str(_venv.PROJECT / "scripts" / "start.py"), *options])
    try:
        while not answers(port):
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(60)


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def look(page, password):
    page.goto("/login")
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Winter loaves").click()
    while sent(page) < PEOPLE // 4:
        page.wait_for_timeout(200)
    take(page, "progress")
    page.goto("/servers/1")
    take(page, "accounts")
    page.goto("/campaigns/1")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Save and review").click()
    page.get_by_text("Mails by hour").first.wait_for()
    page.frame_locator("iframe").get_by_text("Dear Ada").wait_for()
    take(page, "review")


def sent(page):
    return int(page.locator(".counts .is-sent dd").inner_text().replace(",", ""))


def take(page, name):
    for scheme, suffix in (("light", ""), ("dark", "-dark")):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=str(PICTURES / f"{name}{suffix}.png"))


if __name__ == "__main__":
    main()
