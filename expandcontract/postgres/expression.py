"""One expression and nothing else: what a user wrote is looked at before the server sees it. Pure."""

import re
from collections.abc import Iterable

from expandcontract.model.errors import BadExpression

#: Types whose text depends on a setting of the session, though PostgreSQL calls some of them immutable, with
#: the setting under which text gives back the very value.
_SETTINGS = (
    (r"double precision|real|float[48]", "extra_float_digits", "1"),
    (r"bytea", "bytea_output", "'hex'"),
    (r"interval", '"IntervalStyle"', "'postgres'"),
    (r"date|time|interval", '"DateStyle"', "'ISO, MDY'"),
)
_MONEY = re.compile(r"\bmoney\b")
#: Types that take any other as text, or may do so inside: those of extensions and of users.
_TEXT = re.compile(r"text|char|json|xml|\bname\b|\.")


def expression_settings(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the settings, with their values as SQL, on which the text of an expression's types depends.

    `words` are the expression, as the server wrote it, and the types of its argument and result.
    """
    text = " ".join(words)
    if _TEXT.search(text) is None:
        return ()
    return tuple((name, value) for types, name, value in _SETTINGS if re.search(rf"\b(?:{types})", text))


def of_money(words: Iterable[str]) -> bool:
    """Whether what an expression makes rests on lc_monetary. How many of the digits of an amount come after
    the point is the application's to say: no value of ours would do for every database.
    """
    return any(_MONEY.search(each) for each in words)


#: What is quoted: an escape string, any other string, an identifier, and between dollars.
_QUOTED = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$ .*? \$(?P=tag)\$""",
    re.VERBOSE | re.DOTALL,
)


def _quoted_at(text: str, position: int) -> int | None:
    """Return where what is quoted at a position ends, or None where nothing is."""
    # The e of date'...' and the dollars of a$$b are of a word.
    of_a_word = position > 0 and (text[position - 1].isalnum() or text[position - 1] in "_$")
    if of_a_word and text[position] in "eE$":
        return None
    found = _QUOTED.match(text, position)
    return None if found is None else found.end()


def single(text: str, option: str) -> str:
    """Return `text`, or raise BadExpression when it is more than one expression.

    A parenthesis that was not opened, a semicolon or a comment would let it speak outside of its place in a
    statement. What else a text could smuggle in, the caller sees in what the server understood.
    """
    depth = position = 0
    while position < len(text):
        quoted = _quoted_at(text, position)
        if quoted is not None:
            position = quoted
            continue
        character = text[position]
        if character in "'\"":
            raise _refused(text, option, "A quote is not closed.")
        if character in "()[]":
            depth += 1 if character in "([" else -1
        elif character == ";" or text.startswith(("--", "/*"), position):
            raise _refused(text, option, f"{text[position : position + 2].strip()!r} cannot be part of it.")
        if depth < 0:
            raise _refused(text, option, "A parenthesis is closed that was not opened.")
        position += 1
    if depth or not text.strip():
        raise _refused(text, option, "It is empty, or a parenthesis is not closed.")
    return text


def without_constants(text: str) -> str:
    """Return an expression with a blank in the place of each text that it quotes, but for identifiers."""
    kept, position = list[str](), 0
    while position < len(text):
        end = _quoted_at(text, position)
        identifier = end is None or text[position] == '"'
        kept.append(text[position : end or position + 1] if identifier else " ")
        position = end or position + 1
    return "".join(kept)


def _refused(text: str, option: str, why: str) -> BadExpression:
    return BadExpression(f"{option} must be one expression: {text!r}.", why=why)
