"""The inventory of a fleet, its targets and waves, without a server."""

import asyncio
from pathlib import Path

import pytest

from expandcontract.fleet import index_file, inventory, labels
from expandcontract.fleet.outcome import Outcome, worst
from expandcontract.fleet.running import Limits, on_each
from expandcontract.fleet.target import Target, listed, rounds, schema_of
from expandcontract.model.errors import BadFleetFile, EcError, LockBudgetSpent, Mismatches, NotConnected

HEAD = 'schema = "ec.fleet/1"\n'
SECRET = "hunter2"
MANY = (
    HEAD
    + f"""
[defaults]
url = "postgresql://ec:{SECRET}@{{host}}/{{database}}"
per_server = 1

[[targets]]
name = "shop"
host = "db-1"
database = "shop's \\"own\\""
labels = {{ tier = "canary", number = 7 }}

[[targets]]
name = "blog"
host = "db-1:5433"
database = "blog"

[[waves]]
name = "canary"
match = "tier = canary"
soak = "1h"

[[waves]]
name = "rest"
parallel = 40
max_failed = 3
"""
)


def _read(folder: Path, text: str) -> inventory.Inventory:
    path = folder / "fleet.toml"
    path.write_text(text)
    return inventory.read(path)


def _targets(found: inventory.Inventory) -> list[Target]:
    return [listed(each, found.defaults, "targets") for each in found.targets]


def _target(name: str, server: str = "a", **more: str) -> Target:
    return Target(name, f"postgresql://{server}/d", {"name": name, **more})


def test_a_url_is_made_of_the_fields_each_quoted_as_a_url_wants_it(tmp_path: Path) -> None:
    """Quotes and blanks in the name of a database lead to that database, and a port to that server."""
    shop, blog = _targets(_read(tmp_path, MANY))
    assert (shop.address.hosts, shop.address.database) == (("db-1",), 'shop\'s "own"')
    assert (blog.address.hosts, blog.address.ports, blog.address.database) == (("db-1",), (5433,), "blog")
    assert shop.labels["number"] == "7"
    assert shop.labels["database"] == 'shop\'s "own"'


def test_a_password_is_in_no_text_of_a_target(tmp_path: Path) -> None:
    """Neither what a target is shown as nor what Python shows of it has the password of its URL."""
    for target in _targets(_read(tmp_path, MANY)):
        assert SECRET in target.url
        assert SECRET not in f"{target!r} {target} {target.where} {target.address!r}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "[default]\nparallel = 4", r"default: unknown. Did you mean defaults\?"),
        (HEAD + '[[targets]]\nname = "a"\nhots = "b"', r"targets\[0\].hots: unknown. Did you mean host\?"),
        (HEAD + '[[targets]]\nhost = "b"', r"targets\[0\].name: is missing."),
        ('schema = "ec.fleet/2"\n[[targets]]\nname = "a"', "schema: has to be 'ec.fleet/1'"),
        (HEAD + '[[targets]]\nname = "a"\n[[targets]]\nname = "a"', "'a' is there twice"),
        (HEAD, "names no database"),
        (HEAD + "[[targets]", "is not TOML"),
        (HEAD + '[[discover]]\nquery = "SELECT 1"', "Write from and query, or schemas with in."),
        (HEAD + '[[waves]]\nname = "a"\nmatch = "tier"', "'tier' is no match. Write label = value"),
        (HEAD + '[[waves]]\nname = "a"\nsoak = "an hour"', r"waves\[0\].soak: is not valid"),
        (HEAD + '[[waves]]\nname = "a\\nb"', "no line breaks"),
        (HEAD + '[defaults]\nurl = "postgresql://{hosts}/d"', "In braces it may have name, host"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    """An error names the file, the key and what is expected; for an unknown key the nearest known one."""
    with pytest.raises(BadFleetFile) as raised:
        _read(tmp_path, text)
    error = raised.value
    assert error.exit_code == 2
    assert "fleet.toml" in error.message
    import re

    assert re.search(message, f"{error.message} {error.why}"), (error.message, error.why)


def test_an_error_about_a_url_has_no_word_of_it(tmp_path: Path) -> None:
    """What stands in a URL that cannot be used may be a password: it is in no message."""
    for url in (f"mysql://ec:{SECRET}@{{host}}/d", f"postgresql://ec:{SECRET}{{oops}}@h/d", f"a:{SECRET}{{"):
        text = HEAD + f'[defaults]\nurl = "{url}"\n[[targets]]\nname = "a"\nhost = "b"\n'
        with pytest.raises(BadFleetFile) as raised:
            _targets(_read(tmp_path, text))
        error = raised.value
        assert SECRET not in f"{error!r} {error.message} {error.why} {error.next}"


def test_a_match_is_of_labels_that_all_have_to_hold() -> None:
    """Values may be quoted; != also means those without the label."""
    match = labels.parse('tier = canary, region != "eu west"')
    assert match.fits({"tier": "canary"})
    assert not match.fits({"tier": "canary", "region": "eu west"})
    assert not match.fits({})
    for text in ("", "tier", "tier =", "a = b c = d", "a = b,", "= b"):
        with pytest.raises(ValueError, match="is no match"):
            labels.parse(text)


def test_each_target_is_in_the_first_wave_that_it_fits(tmp_path: Path) -> None:
    """A wave without a match takes what is left, and settings of a wave go before the defaults."""
    found = _read(tmp_path, MANY)
    canary, rest = rounds(found, _targets(found))
    assert [each.name for each in canary.targets] == ["shop"]
    assert [each.name for each in rest.targets] == ["blog"]
    assert (rest.parallel(found.defaults), rest.per_server(found.defaults)) == (40, 1)


def test_a_wave_that_means_nothing_and_a_target_in_no_wave_are_refused(tmp_path: Path) -> None:
    """A label that no target has is said with the values that there are; nobody is forgotten in silence."""
    misspelt = _read(tmp_path, MANY.replace("tier = canary", "tier = canry"))
    with pytest.raises(BadFleetFile, match="'canary' has no target") as raised:
        rounds(misspelt, _targets(misspelt))
    assert "tier is canary" in raised.value.why
    some = _read(tmp_path, MANY.replace("parallel = 40", 'match = "name = nobody"'))
    with pytest.raises(BadFleetFile, match="'rest' has no target"):
        rounds(some, _targets(some))
    alone = _read(tmp_path, MANY[: MANY.index('[[waves]]\nname = "rest"')])
    with pytest.raises(BadFleetFile, match="1 targets are in no wave: blog"):
        rounds(alone, _targets(alone))


def test_the_order_within_a_wave_is_by_digest_and_does_not_depend_on_the_file() -> None:
    """The same targets go in the same order, however they were listed."""
    every = [_target(f"t{number}") for number in range(20)]
    (one,) = rounds(inventory.Inventory.model_validate({"schema": inventory.SCHEMA}), every)
    (other,) = rounds(inventory.Inventory.model_validate({"schema": inventory.SCHEMA}), every[::-1])
    assert one.targets == other.targets
    assert [each.name for each in one.targets] != sorted(each.name for each in every)


def test_an_index_file_keeps_each_target_at_its_index(tmp_path: Path) -> None:
    """Who comes later moves nobody; an index beyond the end, a wave that is not there and a target that went
    are said with what there is.
    """
    every = [_target(f"t{number}") for number in range(3)]
    (round_,) = rounds(inventory.Inventory.model_validate({"schema": inventory.SCHEMA}), every)
    path = index_file.write(index_file.of_rounds([round_]), tmp_path)
    kept = index_file.read(path)
    for number, target in enumerate(round_.targets):
        assert index_file.at(kept, None, number, [*every, _target("new")])[0] == target
    for wave, number, message in ((None, 3, "it has 3 targets"), ("alll", 0, "no wave 'alll'")):
        with pytest.raises(BadFleetFile, match=message):
            index_file.at(kept, wave, number, every)
    with pytest.raises(BadFleetFile, match="not in the inventory any more"):
        index_file.at(kept, "all", 0, [each for each in every if each != round_.targets[0]])


def test_a_schema_has_its_own_name_of_a_change_and_leads_there() -> None:
    """A tenant's change has the schema in its name, and its sessions look there first, whatever its name."""
    tenant = schema_of(_target("shop"), 'O"Brien & Söhne', {})
    assert tenant.name == 'shop/O"Brien & Söhne'
    assert tenant.key("0001_x") == '0001_x@O"Brien & Söhne'
    assert tenant.plain('0001_x@O"Brien & Söhne') == "0001_x"
    assert tenant.plain("0001_x") is None
    assert tenant.plain("0001_x@other") is None
    led = Target("t", tenant.leading(f"{tenant.url}?options=-cwork_mem%3D8MB"))
    assert led.address.options == '-cwork_mem=8MB -csearch_path="O""Brien\\ &\\ Söhne"'


async def test_no_more_are_at_work_than_may_be_and_none_is_begun_after_too_many_failed() -> None:
    """`parallel` and `per_server` hold at every moment, and who waits for a server keeps no other waiting."""
    every = [_target(f"{server}{number}", server) for server in "ab" for number in range(5)]
    at_work: list[Target] = []
    most: dict[str, int] = {}

    async def act(target: Target) -> Outcome[int]:
        at_work.append(target)
        most["all"] = max(most.get("all", 0), len(at_work))
        for server in "ab":
            busy = sum(each.server == (("a",) if server == "a" else ("b",), (5432,)) for each in at_work)
            most[server] = max(most.get(server, 0), busy)
        await asyncio.sleep(0)
        at_work.remove(target)
        if target.name == "b0":
            raise LockBudgetSpent("no lock")
        return Outcome(target, 1)

    ended = await on_each(every, act, Limits(5, per_server=2), asyncio.Event())
    assert len(ended) == 10
    assert most == {"all": 4, "a": 2, "b": 2}
    stopped = await on_each(every[5:], act, Limits(1, max_failed=0), asyncio.Event())
    assert [each.exit_code for each in stopped] == [5]


async def test_what_goes_wrong_with_one_target_ends_no_other_one() -> None:
    """An error that nobody foresaw is that target's answer, and counts as a failure."""

    async def act(target: Target) -> Outcome[int]:
        if target.name == "t1":
            raise RuntimeError("surprise")
        return Outcome(target, 1)

    ended = await on_each([_target("t1"), _target("t2")], act, Limits(1), asyncio.Event())
    assert [each.exit_code for each in ended] == [1, 0]
    assert isinstance(ended[0].error, EcError)


async def test_who_is_asked_to_stop_begins_nothing_further() -> None:
    """What is at work ends by itself, as it knows of the stop."""
    stop = asyncio.Event()

    async def act(target: Target) -> Outcome[int]:
        stop.set()
        return Outcome(target, 1)

    assert len(await on_each([_target("t1"), _target("t2")], act, Limits(1), stop)) == 1


def test_the_worst_exit_code_stands_for_all() -> None:
    """6 goes before 1, 4, 5 and 0; one that means nothing among many counts as a failure."""
    target = _target("t")
    errors = (None, LockBudgetSpent(""), NotConnected(""), Mismatches(""))
    codes = [Outcome(target, error=error).exit_code for error in errors]
    assert codes == [0, 5, 1, 6]
    assert [worst(codes), worst(codes[:3]), worst(codes[:2]), worst([])] == [6, 1, 5, 0]
