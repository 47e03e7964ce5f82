"""A plain letter out of what was written in the rich-text editor: the editor's few elements in a layout for mail."""

import html
import re

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
# The editor writes these elements without attributes, but for the address of a link.
_STYLES = {
    "a": "color:#2f4ac4",
    "div": "margin:0 0 16px",
    "h1": "margin:28px 0 12px;font-size:24px;line-height:1.25;font-weight:700",
    "blockquote": "margin:0 0 16px;padding:2px 0 2px 16px;border-left:3px solid #c9d0da;color:#586275",
    "pre": "margin:0 0 16px;padding:12px 14px;background-color:#f0f2f5;font-family:Menlo,Consolas,monospace;"
    "font-size:14px;white-space:pre-wrap",
    "ul": "margin:0 0 16px;padding-left:24px",
    "ol": "margin:0 0 16px;padding-left:24px",
    "li": "margin:0 0 6px",
}
_CLASSES = {"a": "mark", "blockquote": "soft", "pre": "tint"}  # for the dark
_ELEMENT = re.compile(rf"<({'|'.join(_STYLES)})(?=[ >])")
_LIQUID = re.compile(r"\{\{[^{}]*+\}\}|\{%[^%{}]*+%\}")

_BEFORE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title></title>
<style>
  @media (prefers-color-scheme: dark) {
    .page { background-color: #16181c !important; }
    .ink { color: #eceff4 !important; }
    .soft { color: #a7afbd !important; }
    .mark { color: #9cb4ff !important; }
    .tint { background-color: #23272f !important; }
  }
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#ffffff">
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff">
<tr><td align="center" style="padding:32px 20px">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px">
<tr><td class="ink" align="left" style="FONT;font-size:16px;line-height:1.6;color:#1b2433">
""".replace("FONT", _FONT)
_AFTER = f"""
</td></tr>
<tr><td class="soft" align="left" style="padding:28px 0 0;{_FONT};font-size:13px;line-height:1.6;color:#6b7587">
{{{{ postal_address }}}}<br>
<a class="soft" href="{{{{ unsubscribe_url }}}}" style="color:#6b7587">Unsubscribe</a>
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
"""


def from_rich(rich: str) -> str:
    """The complete HTML of a mail; empty where nothing was written. Merge tags are as they were typed."""
    if not rich.strip():
        return ""
    return _BEFORE + _LIQUID.sub(_as_typed, _ELEMENT.sub(_styled, rich)) + _AFTER


def _styled(element: re.Match) -> str:
    name = element[1]
    kind = f' class="{_CLASSES[name]}"' if name in _CLASSES else ""
    return f'<{name}{kind} style="{_STYLES[name]}"'


def _as_typed(tag: re.Match) -> str:
    """The editor writes `>` as `&gt;` and some spaces as no-break spaces; inside a merge tag both would be errors."""
    return html.unescape(tag[0]).replace("\xa0", " ")
