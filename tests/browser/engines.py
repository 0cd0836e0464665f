"""Three engines behind one `Page`: Chromium and Firefox by Playwright, WebKitGTK by Selenium on a virtual screen.

WebKitGTK stands in for Safari. Dark mode can be emulated in Chromium only. WebKitGTK's smallest window is wider than a
phone, so there the page is shown in a frame of that width; see `CuttingProxy`. Nothing waits by a predicate inside the
page: its content security policy forbids `eval`.
"""

import os
import signal
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.services import Missing, needs

ENGINES = ("chromium", "firefox", "webkit")
WAIT_SECONDS = 120.0
LOOK_SECONDS = 0.05
HEIGHT = 860
SMALLEST = 450
"""Pixels that a window of WebKitGTK is wide at least."""
AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"


class Page(Protocol):
    """What a test does with a page, in any engine."""

    engine: str

    def goto(self, url: str) -> None: ...
    def run(self, script: str) -> Any: ...
    def look(self, expression: str) -> Any: ...
    def upload(self, selector: str, *files: Path) -> None: ...
    def press(self, *keys: str) -> None: ...
    def screenshot(self, path: Path) -> None: ...
    def open_at(self, width: int, url: str) -> None: ...
    def another(self) -> AbstractContextManager["Page"]: ...


class PlaywrightPage:
    """A tab of Chromium or Firefox."""

    def __init__(self, engine: str, page: Any) -> None:
        self.engine, self.page = engine, page

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def run(self, script: str) -> Any:
        return self.page.evaluate(f"() => {{ {script} }}")

    def look(self, expression: str) -> Any:
        """What an expression is now; None while the page is being loaded anew."""
        from playwright.sync_api import Error

        try:
            return self.run(f"return {expression}")
        except Error as error:
            if "context was destroyed" not in error.message:
                raise
            return None

    def upload(self, selector: str, *files: Path) -> None:
        self.page.set_input_files(selector, list(files))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=path)

    def open_at(self, width: int, url: str) -> None:
        """The page in a window of that width."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.goto(url)

    @contextmanager
    def another(self) -> Iterator["PlaywrightPage"]:
        page = self.page.context.new_page()
        yield PlaywrightPage(self.engine, page)
        page.close()


class SeleniumPage:
    """The window of WebKitGTK; a second one is a tab of the same session."""

    def __init__(self, driver: Any, handle: str) -> None:
        self.engine, self.driver, self.handle = "webkit", driver, handle
        self.is_framed = False

    def goto(self, url: str) -> None:
        self.is_framed = False
        self._here().get(url)

    def run(self, script: str) -> Any:
        return self._here().execute_script(script)

    def look(self, expression: str) -> Any:
        return self.run(f"return {expression}")

    def upload(self, selector: str, *files: Path) -> None:
        field = self._here().find_element("css selector", selector)
        self.driver.execute_script("arguments[0].hidden = false", field)
        field.send_keys("\n".join(map(str, files)))

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.keys import Keys

        named = {"Enter": Keys.ENTER, "Escape": Keys.ESCAPE, "Tab": Keys.TAB, " ": Keys.SPACE}
        for key in keys:
            self.run("return document.activeElement").send_keys(named.get(key, key))  # its own word knows no frames

    def screenshot(self, path: Path) -> None:
        self._here().save_screenshot(str(path))

    def open_at(self, width: int, url: str) -> None:
        """The page in a window of that width; in a frame, where windows are not as narrow."""
        self.driver.set_window_size(max(width, SMALLEST), HEIGHT)
        self.goto(url)
        if width < SMALLEST:
            style = f"width: {width}px; height: {HEIGHT - 60}px; border: 0"
            self.run(f"document.body.innerHTML = '<iframe src=\"{url}\"></iframe>'")
            self.run(f"document.querySelector('iframe').style.cssText = '{style}'")
            self.is_framed = True

    @contextmanager
    def another(self) -> Iterator["SeleniumPage"]:
        self._here().switch_to.new_window("tab")
        page = SeleniumPage(self.driver, self.driver.current_window_handle)
        yield page
        page._here().close()
        self._here()

    def _here(self) -> Any:
        self.driver.switch_to.window(self.handle)  # whichever it was: that one may be closed
        if self.is_framed:
            self.driver.switch_to.frame(0)
        return self.driver


def wait_for(page: Page, expression: str, seconds: float = WAIT_SECONDS) -> Any:
    """The first value of a JavaScript expression that is true."""
    until = time.monotonic() + seconds
    while not (value := page.look(expression)):
        if time.monotonic() > until:
            text = page.run("return document.body.innerText")
            raise AssertionError(f"not within {seconds:.0f} s: {expression}\nthe page says:\n{text[:3000]}")
        time.sleep(LOOK_SECONDS)
    return value


Open = Callable[[], AbstractContextManager[Page]]


@contextmanager
def launch(engine: str) -> Iterator[Open]:
    """A browser; what it yields opens a page whose cookies and storage are its own.

    Raises:
        Missing: the engine is not on this machine.
    """
    with ExitStack() as stack:
        yield stack.enter_context(_webkit() if engine == "webkit" else _playwright(engine))


@contextmanager
def _playwright(engine: str) -> Iterator[Open]:
    program, package = ("chromium", "chromium") if engine == "chromium" else ("firefox-esr", "firefox-esr")
    options: dict[str, Any] = {"executable_path": needs(program, package)}
    if engine == "chromium":
        root = ["--no-sandbox"] if os.getuid() == 0 else []
        options["args"] = [*root, "--disable-dev-shm-usage"]
    else:
        options["channel"] = "moz-firefox"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = getattr(driver, engine).launch(**options)

        @contextmanager
        def open_page() -> Iterator[Page]:
            context = browser.new_context(viewport={"width": 1280, "height": 860})
            context.set_default_timeout(WAIT_SECONDS * 1000)
            yield PlaywrightPage(engine, context.new_page())
            context.close()

        yield open_page
        browser.close()


@contextmanager
def _webkit() -> Iterator[Open]:
    program = needs("WebKitWebDriver", "webkit2gtk-driver")
    browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    if not browsers:
        raise Missing("MiniBrowser", "apt-get install webkit2gtk-driver")
    from selenium import webdriver
    from selenium.webdriver.remote.client_config import ClientConfig
    from selenium.webdriver.remote.file_detector import UselessFileDetector

    options = webdriver.WebKitGTKOptions()
    options.binary_location = str(browsers[0])
    options.add_argument("--automation")
    with _display() as display:

        @contextmanager
        def open_page() -> Iterator[Page]:  # a session of its own: a driver has only one
            environment = {**os.environ, "DISPLAY": display}
            service = webdriver.WebKitGTKService(program, env=environment, popen_kw={"start_new_session": True})
            service.start()
            config = ClientConfig(service.service_url, timeout=int(WAIT_SECONDS))  # else it waits for ever
            try:
                with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # its own, of its own parts
                    driver = webdriver.Remote(
                        service.service_url, options=options, client_config=config, file_detector=UselessFileDetector()
                    )
                driver.set_window_size(1280, 860)
                yield SeleniumPage(driver, driver.current_window_handle)
            finally:  # not by its own word: a browser that hangs would not hear it
                os.killpg(service.process.pid, signal.SIGTERM)
                service.process.wait(WAIT_SECONDS)
                service.stop()

        yield open_page


@contextmanager
def _display() -> Iterator[str]:
    """A virtual screen; the X server picks a free number itself."""
    command = [needs("Xvfb", "xvfb"), "-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as screen:
        assert screen.stdout is not None
        try:
            yield f":{screen.stdout.readline().strip()}"
        finally:
            screen.terminate()
