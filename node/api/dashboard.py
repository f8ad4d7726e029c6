"""/ and /health: open to everybody on this machine, so nothing in them is anybody's.

The page asks for the owner key and keeps it in its own session storage; everything it shows comes from /api.
"""

from importlib.resources import files

from node.api.exchange import Exchange

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

_HEADERS = (
    ("content-security-policy", POLICY),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
)

PAGES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/dashboard.js": ("dashboard.js", "text/javascript; charset=utf-8"),
    "/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
}


class Dashboard:
    """Serves the files of node/api/web, read once."""

    def __init__(self) -> None:
        web = files("node.api") / "web"
        self._pages = {path: ((web / name).read_bytes(), kind) for path, (name, kind) in PAGES.items()}

    async def page(self, exchange: Exchange) -> None:
        body, kind = self._pages[exchange.path]
        await exchange.respond(200, body, kind, _HEADERS)

    async def health(self, exchange: Exchange) -> None:
        await exchange.json({"status": "ok"})
