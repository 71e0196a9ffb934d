"""Text that others wrote, made fit to be shown. Pure.

A role, an application's name, a key, a sentence or a query may hold a line break that forges a line, or
sequences that a terminal obeys. In JSON they stand as they are: it has escapes of its own.
"""

import re

#: Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing around.
_CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_IN_LINE, _IN_TEXT = re.compile(rf"[\t\n{_CONTROL}]"), re.compile(rf"[{_CONTROL}]")


def one_line(text: str) -> str:
    """Return `text` on one line, with an escape in place of whatever is no character to look at."""
    return _IN_LINE.sub(_escaped, text)


def printable(text: str) -> str:
    """Return `text`, of any number of lines, without what a terminal would obey."""
    return _IN_TEXT.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def signed(who: str, role: str | None, address: str | None) -> str:
    """Return who it was, by their own word, and beside it the role that logged in and from where, by the
    server's; None where that was not kept.
    """
    if role is None or (role == who and address is None):
        return one_line(who)
    place = "" if address is None else f" from {address}"
    return one_line(f"{who} as {role}{place}")
