"""Browsers in words: enough for their owner to know them again."""

# The first that is found: most browsers claim to be some others as well.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "FxiOS/": "Firefox", "CriOS/": "Chrome"}
_BROWSERS |= {"SamsungBrowser/": "Samsung Internet", "Chrome/": "Chrome", "Chromium/": "Chromium", "Safari/": "Safari"}
_SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "macOS"}
_SYSTEMS |= {"CrOS": "ChromeOS", "Linux": "Linux"}


def words(user_agent: str) -> str:
    """`Firefox on Linux`; what is not known keeps its own name."""
    browser = _first(_BROWSERS, user_agent) or user_agent.partition("/")[0].strip()[:40] or "A browser"
    system = _first(_SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def _first(names: dict[str, str], user_agent: str) -> str:
    return next((name for mark, name in names.items() if mark in user_agent), "")
