"""One expression and nothing else: what a user wrote is looked at before the server sees it. Pure."""

from expandcontract.model.errors import BadExpression


def single(text: str, option: str) -> str:
    """Return `text`, or raise BadExpression when it is more than one expression.

    A parenthesis that was not opened, a semicolon or a comment would let it speak outside of its place in a
    statement.
    What else a text could smuggle in, the caller sees in what the server understood.
    """
    depth = position = 0
    while position < len(text):
        character = text[position]
        if character in "'\"":
            end = text.find(character, position + 1)
            position = len(text) if end < 0 else end
        elif character in "()[]":
            depth += 1 if character in "([" else -1
        elif character == ";" or text.startswith(("--", "/*"), position):
            raise _refused(text, option, f"{text[position : position + 2].strip()!r} cannot be part of it.")
        if depth < 0:
            raise _refused(text, option, "A parenthesis is closed that was not opened.")
        position += 1
    if depth or not text.strip():
        raise _refused(text, option, "It is empty, or a parenthesis is not closed.")
    return text


def _refused(text: str, option: str, why: str) -> BadExpression:
    return BadExpression(f"{option} must be one expression: {text!r}.", why=why)
