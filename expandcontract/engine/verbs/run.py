"""`ec run`: everything up to ready and proof, and on request contract."""

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract
from expandcontract.engine.verbs.start import Consent, start
from expandcontract.model.change import Change
from expandcontract.model.phases import Stage
from expandcontract.model.situation import Situation


async def run(
    context: Context,
    change: Change,
    consent: Consent,
    options: backfill.BackfillOptions,
    *,
    until_contract: bool = False,
) -> Situation:
    """Start, backfill and verify; contract only where it was asked for. Raises what those raise."""
    situation = await start(context, change, consent)
    if situation.stage in (Stage.BEFORE_READY, Stage.READY):
        situation = await backfill.backfill(context, change.name, options)
    if until_contract:
        situation = await contract.contract(context, change.name)
    return await situations.one(context, change.name)
