"""How plans that earlier versions stored are read: data of one format in, data of the next one out. Pure.

Format 1 is that of version 0.1, which had no number yet: what a step is for was told by its id and by its
statements. Ids and statements are read here, of what was stored, and nowhere else.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from expandcontract.model.errors import LedgerTooNew
from expandcontract.model.names import quote, split
from expandcontract.model.phases import Section, Stage, State
from expandcontract.model.step import Occasion, Upkeep

#: That of this version.
FORMAT = 4

_Data = dict[str, Any]


def present(data: Mapping[str, Any]) -> _Data:
    """Return a stored plan as this version would have stored it. Raises LedgerTooNew."""
    found = dict(data)
    number = found.setdefault("format", 1)
    if not isinstance(number, int) or number > FORMAT:
        raise LedgerTooNew(
            f"A plan is stored in format {number}, and this program knows those up to {FORMAT}.",
            why="A later version of ec opened the change.",
            next="Install the version of expandcontract that opened it.",
        )
    while found["format"] < FORMAT:
        found = _NEXT[found["format"]](found)
    return found


def _second(data: _Data) -> _Data:
    """Steps say themselves what the engine asks of them; what undo asks of rows is one value."""
    data = _with_names_after(_with_rules_at_contract(data))
    undo = {key: data[key] for key in ("not_held", "barred") if key in data}
    sections = {
        section: [step | dict(_told(data, Section(section), step)) for step in steps]
        for section, steps in data.get("sections", {}).items()
    }
    left = {key: value for key, value in data.items() if key not in undo}
    return left | {"sections": sections, "undo": undo, "format": 2}


def _third(data: _Data) -> _Data:
    """What is kept up on the tables is one list; the plan and each further table had one trigger each."""
    found = (data, *data.get("others", ()))
    upkeep = [kept for site, said in enumerate(found) for kept in _kept_up(data, said, site)]
    others = [_without_upkeep(said) for said in data.get("others", ())]
    return _without_upkeep(data) | {"upkeep": upkeep, "others": others, "format": 3}


def _fourth(data: _Data) -> _Data:
    """Steps say which of their statements are about another table."""
    sections = data.get("sections", {})
    own = {_sql(data[key]) for key in ("table", "aside", "final_table") if data.get(key)}
    actions = [step["action"] for steps in sections.values() for step in steps]
    others = {*data.get("catalog", {}).get("leaves", ())}
    others |= {_sql(each["table"]) for each in data.get("others", ())}
    others |= {lock["relation"] for action in actions for lock in action.get("locks", ())}
    told = {
        section: [_telling(step, sorted(others - own)) for step in steps]
        for section, steps in sections.items()
    }
    return data | ({"sections": told} if told else {}) | {"format": 4}


def _telling(step: _Data, others: Sequence[str]) -> _Data:
    elsewhere = list(_elsewhere(step, others)) if others else []
    return step | {"elsewhere": elsewhere} if elsewhere else step


def _sql(name: Mapping[str, str]) -> str:
    return f"{quote(name['schema'])}.{quote(name['name'])}"


#: A constant, or the body of a function: what it says is not what the statement is about. Quoted names are
#: passed over.
_CONSTANT = re.compile(
    r"""(?P<text>E?'(?:[^'\\]|\\.|'')*'|(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag))|"(?:[^"]|"")*\"""", re.DOTALL
)


def _elsewhere(step: _Data, named: Sequence[str]) -> Iterator[_Data]:
    about = re.compile(rf'(?<![\w$"])(?:TABLE|ON) (?:ONLY )?({"|".join(map(re.escape, named))})(?![\w$".])')
    for place, statement in enumerate(step["action"].get("statements") or ()):
        bare = _CONSTANT.sub(lambda found: "''" if found["text"] is not None else found[0], statement)
        found = about.search(bare)
        if found is not None:
            takes_down = statement.startswith("DROP TRIGGER ")
            yield {"place": place, "table": found[1], "takes_down": takes_down}


_UPKEEP = ("trigger", "first_trigger", "functions", "hidden_functions")


def _without_upkeep(said: _Data) -> _Data:
    return {key: value for key, value in said.items() if key not in _UPKEEP}


def _kept_up(data: _Data, said: _Data, site: int) -> Iterator[_Data]:
    """Yield what is kept up on a table by what was said of it, and in which stages the trigger stands."""
    told, pair = {key: said.get(key) for key in _UPKEEP}, said.get("pair")
    if not any(told.values()):
        return
    stages = [Stage.BEFORE_READY, Stage.READY] if told["trigger"] else []
    if told["trigger"] and told["hidden_functions"] and not (pair or {}).get("one_way"):
        stages.append(Stage.HIDDEN)
    yield {
        "trigger": told["trigger"] or "",
        "first_trigger": told["first_trigger"] or "",
        "functions": told["functions"] or [],
        "hidden_functions": told["hidden_functions"] or [],
        "stages": stages,
        "old_columns": _named(pair, "old", "old_more"),
        "new_columns": _named(pair, "new", "more"),
        "notes_use": bool(told["trigger"]) and not data.get("swap"),
        "site": site,
    }


def _named(pair: _Data | None, side: str, more: str) -> list[str]:
    if not pair:
        return []
    return [each["column"] for each in (pair[side], *pair.get(more, ()))]


#: By the format that is read.
_NEXT: Mapping[int, Callable[[_Data], _Data]] = {1: _second, 2: _third, 3: _fourth}

#: Adds the rule, checks all rows against it, takes it back.
_BESIDE_CONTRACT = ("filled:require", "filled:prove", "filled:allow")


def _with_names_after(data: _Data) -> _Data:
    """Columns of a pair did not know their names after contract: the plan did."""
    pair = data.get("pair")
    if not pair or "after" in pair["old"]:
        return data
    old = pair["old"] | {"after": data["hidden_column"]}
    new = pair["new"] | {"after": pair["old"]["column"] if data.get("swap") else ""}
    return data | {"pair": pair | {"old": old, "new": new}}


def _with_rules_at_contract(data: _Data) -> _Data:
    """Where only a program fills rows, 0.1 had the steps by which contract proves that none is left unfilled
    among those of `repair`, and what takes them back was one of them.
    """
    sections = data.get("sections", {})
    beside = {step["id"]: step for step in sections.get(Section.REPAIR, ()) if step["id"] in _BESIDE_CONTRACT}
    if len(beside) < len(_BESIDE_CONTRACT):
        return data
    require, prove, allow = (beside[id_] for id_ in _BESIDE_CONTRACT)
    *before, hide = sections[Section.CONTRACT]
    moved = {
        Section.REPAIR: [step for step in sections[Section.REPAIR] if step["id"] not in beside],
        Section.CONTRACT: [*before, require | {"reverse": allow["action"]["statements"]}, prove, hide],
    }
    return data | {"sections": sections | moved}


_MAKES = {
    "sync_trigger": Upkeep.SYNC,
    "note_writers": Upkeep.SYNC,
    "fill_new": Upkeep.SYNC,
    "ready": Upkeep.SYNC,
    "restore:filling": Upkeep.SYNC,
    "restore:ready": Upkeep.SYNC,
    "restore:hidden": Upkeep.HIDDEN,
    "hide": Upkeep.HIDDEN,
    "unhide": Upkeep.SYNC,
    "keep_writes": Upkeep.KEEPING,
}
_RESTORES = {
    "restore:filling": (Stage.BEFORE_READY,),
    "restore:ready": (Stage.READY,),
    "restore:hidden": (Stage.HIDDEN,),
}
_OCCASIONS = {"finish": Occasion.FINISHED, "stop_keeping": Occasion.GIVEN_UP}
_NAME, _SCHEMA = r'("(?:[^"]|"")+"|[\w$]+)', r'(?:(?:"(?:[^"]|"")+"|[\w$]+)\.)?'
#: What makes an index or a constraint, alters one, or checks rows against it.
_BRINGS = re.compile(
    rf"CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?{_NAME}"
    rf"|(?:ADD|VALIDATE) CONSTRAINT {_NAME}"
    rf"|USING INDEX {_NAME}"
    rf"|(?:ALTER|COMMENT ON) INDEX {_SCHEMA}{_NAME}"
    rf"|COMMENT ON CONSTRAINT {_NAME}"
    rf"|CLUSTER ON {_NAME}"
)
_DEFAULTS = re.compile(r"ALTER TABLE .+ SET DEFAULT ", re.DOTALL)
_ADOPTS = re.compile(rf"CREATE (UNIQUE )?INDEX {_NAME} ON .+? USING (.+)", re.DOTALL)


def _told(data: _Data, section: Section, step: _Data) -> Iterator[tuple[str, Any]]:
    """Yield what format 2 says of a step beside what format 1 does."""
    id_, statements = step["id"], _statements(step)
    if id_ in _MAKES:
        yield "makes", _MAKES[id_]
    if section == Section.REPAIR and id_ in _RESTORES:
        alone = all(each["id"] != "restore:filling" for each in data["sections"][section])
        yield "restores", ((Stage.BEFORE_READY,) if alone and id_ == "restore:ready" else ()) + _RESTORES[id_]
    if section == Section.REPAIR and id_ in _OCCASIONS:
        yield "occasion", _OCCASIONS[id_]
    if section == Section.BACKFILL:
        yield "brings", _brought(id_, statements)
    if "probe" not in step["action"] and (made := _ADOPTS.fullmatch("".join(statements[:1]))):
        unique, name, definition = made.groups()
        (bare,) = split(name)
        yield "adopts", {"name": bare, "definition": definition, "unique": unique is not None}
    if section == Section.UNDO:
        yield "unique", _unique(data, id_)
    if step.get("becomes") == State.ROLLED_BACK:
        yield "beside", [each for each in statements if each.startswith("DROP FUNCTION ")]


def _statements(step: _Data) -> list[str]:
    action = step["action"]
    return action.get("statements") or [action[key] for key in ("statement",) if key in action]


def _brought(id_: str, statements: list[str]) -> list[str]:
    found = [name for each in statements for match in _BRINGS.finditer(each) for name in match.groups()]
    kinds = ["NOT NULL"] if id_.startswith("not_null:") else []
    kinds += ["DEFAULT"] if any(_DEFAULTS.match(each) for each in statements) else []
    return [*dict.fromkeys(name for name in found if name is not None), *kinds]


def _unique(data: _Data, id_: str) -> list[str]:
    """Return the columns of a unique index of the old side, as SQL, that undo builds again, and that back may
    have made equal.
    """
    pair, kind, name = data["pair"], *id_.partition(":")[::2]
    if pair is None or pair.get("forward") is None or pair.get("one_way") or kind != "index":
        return []
    for index in data.get("catalog", {}).get("indexes", ()):
        plain = " WHERE " not in index["definition"] and index["definition"].count("(") == 1
        if index["name"] == name and index["unique"] and plain:
            hidden, old = data["hidden_column"], pair["old"]["column"]
            return [quote(hidden if each == old else each) for each in index.get("key_columns") or ()]
    return []
