"""Which targets a `match` means: `tier = canary, region != eu`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TERM = re.compile(r"""\s*([\w.-]+)\s*(=|!=)\s*(?:"([^"]*)"|'([^']*)'|([^\s,"']+))\s*""")


@dataclass(frozen=True)
class Term:
    """One condition: a label has a value, or has another one or none (`negated`)."""

    label: str
    value: str
    negated: bool = False

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a target with these labels is meant."""
        return (labels.get(self.label) == self.value) != self.negated

    def __str__(self) -> str:
        return f"{self.label} {'!=' if self.negated else '='} {self.value}"


@dataclass(frozen=True)
class Match:
    """Conditions that all have to hold; without any everything is meant."""

    terms: tuple[Term, ...] = ()

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a target with these labels is meant."""
        return all(term.fits(labels) for term in self.terms)

    def __str__(self) -> str:
        return ", ".join(map(str, self.terms))


#: Means everything.
EVERY = Match()


def parse(text: str) -> Match:
    """Read a `match`. Raises ValueError that says how one is written."""
    terms, position = [], 0
    while position < len(text):
        found = _TERM.match(text, position)
        end = found.end() if found else position
        if found is None or (end < len(text) and text[end] != ","):
            raise ValueError(f"{text!r} is no match. Write label = value, other != value.")
        value = next(each for each in found.groups()[2:] if each is not None)
        terms.append(Term(found[1], value, found[2] == "!="))
        position = end + 1
    if not terms or text.rstrip().endswith(","):
        raise ValueError(f"{text!r} is no match. Write label = value, other != value.")
    return Match(tuple(terms))
