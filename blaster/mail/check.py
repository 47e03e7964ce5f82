"""What mail programs will make of a message: advice before the start, none of which forbids it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from blaster.mail import footer, markup, plain_text, styles

CLIPPED = 102_000  # octets of HTML that Gmail shows, by what senders report
LARGE = 100_000
LONG_SUBJECT = 70  # characters; programs cut between about 40 and 80

_STRIPPED = frozenset("applet audio canvas embed form frame iframe input object script select textarea video".split())
_SCHEMES = ("https:", "mailto:", "tel:", "sms:", "#")
_TAG = re.compile(r"[\U000f0000-\U000ffffd]+")  # a merge tag, as markup masks it


@dataclass(frozen=True)
class Warning:
    """`name`: which; `text`: a sentence for the author."""

    name: str
    text: str


def look(html: str, text: str, subject: str) -> list[Warning]:
    """Sentences about a message whose merge tags are right."""
    found = [*_about_subject(subject), *_about_footer(html, text)]
    if html.strip():
        found += [*_about_text(html, text), *_about_size(html), *_about_elements(html)]
    return found


def _about_subject(subject: str) -> Iterator[Warning]:
    words = _TAG.sub("", markup.mask(subject)[0])
    if len(words) > LONG_SUBJECT:
        yield Warning(
            "long-subject", f"The subject has {len(words)} characters; many programs show the first 40 to 70."
        )
    if words.isupper() and sum(map(str.isalpha, words)) > 5:
        yield Warning("capitals", "The subject is written in capitals, which filters take for spam.")


def _about_footer(html: str, text: str) -> Iterator[Warning]:
    written = html or text
    if written.strip() and not footer.shows(written, footer.FIELD):
        words = "There is no {{ unsubscribe_url }} in the message: a footer with the link is added to its end."
        yield Warning("no-unsubscribe", words)
    if written.strip() and not footer.shows(written, footer.POSTAL_ADDRESS):
        words = "There is no {{ postal_address }} in the message: a footer with it is added to its end."
        yield Warning("no-address", words)


def _about_text(html: str, text: str) -> Iterator[Warning]:
    if not text.strip() and not plain_text.from_html(html).strip():
        words = "The HTML has no words, so the plain text is empty: filters take a mail of pictures only for spam."
        yield Warning("no-text", words)


def _about_size(html: str) -> Iterator[Warning]:
    try:
        size = len(styles.inlined(html).encode("utf-8", "replace"))
    except styles.NotInlined as error:
        size = len(html.encode("utf-8", "replace"))
        words = f"The style sheets cannot be written into the HTML, as some programs need it: {error}."
        yield Warning("not-inlined", words)
    if size > LARGE:
        words = f"The HTML has {size // 1000} kB; Gmail hides what comes after {CLIPPED // 1000} kB."
        yield Warning("large", words)


def _about_elements(html: str) -> Iterator[Warning]:
    elements = [token for token in markup.tokens(markup.mask(html)[0]) if token.kind == "open"]
    yield from _about_links([token.attributes for token in elements if token.name == "a"])
    yield from _about_images([token.attributes for token in elements if token.name == "img"])
    stripped = sorted({token.name for token in elements} & _STRIPPED)
    if stripped:
        yield Warning(
            "stripped", f"Mail programs remove these elements: {', '.join(f'<{name}>' for name in stripped)}."
        )
    if any(name.startswith("on") for token in elements for name in token.attributes):
        yield Warning("scripts", "Mail programs remove attributes like onclick: no script runs in a mail.")


def _about_links(links: list[dict[str, str]]) -> Iterator[Warning]:
    targets = [link["href"].strip() for link in links if "href" in link]
    empty = sum(target in ("", "#") for target in targets)
    empty += sum("href" not in link and not link.keys() & {"id", "name"} for link in links)
    if empty:
        yield Warning("empty-links", f"{_many(empty, 'link leads', 'links lead')} nowhere.")
    unsafe = [target for target in targets if target and not _is_safe(target)]
    if unsafe:
        example = _TAG.sub("…", unsafe[0])[:60]
        yield Warning(
            "no-https", f"{_many(len(unsafe), 'link begins', 'links begin')} without https://, such as {example}"
        )


def _about_images(images: list[dict[str, str]]) -> Iterator[Warning]:
    without_alt = sum("alt" not in image for image in images)
    if without_alt:
        words = "an alternative text: people who do not load pictures see nothing there."
        yield Warning("no-alt", f"{_many(without_alt, 'picture has no', 'pictures have no')} {words}")
    without_width = sum("width" not in image for image in images)
    if without_width:
        words = "its real size there" if without_width == 1 else "their real size there"
        yield Warning(
            "no-width", f"{_many(without_width, 'picture has no', 'pictures have no')} width: Outlook shows {words}."
        )
    sources = [image.get("src", "").strip() for image in images]
    unsafe = sum(not _is_safe(source) for source in sources)
    if unsafe:
        words = "at an https:// address, so that many programs show nothing."
        yield Warning("picture-address", f"{_many(unsafe, 'picture is not', 'pictures are not')} {words}")


def _is_safe(address: str) -> bool:
    """It may be right for everybody: what a merge tag begins with is not known."""
    return address.lower().startswith(_SCHEMES) or bool(_TAG.match(address))


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
