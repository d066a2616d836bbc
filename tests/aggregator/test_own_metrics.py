"""The aggregator's own metrics are read while the fleet is held: a fork asks for them when a checkpoint is taken."""

from __future__ import annotations

from threading import Thread

from fog_aggregator.core.budget.division import divide
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.memory.keeping import MemoryMetrics
from fog_aggregator.path_costs import costliest
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import counting
from utilityfog_frontend.telemetry.model import FamilySnapshot

DEADLINE = 40.0


def test_own_metrics_do_not_wait_for_the_fleet() -> None:
    """Else a fork waited in vain for a second, with the fleet held and the event loop stopped, for each checkpoint."""
    fleet, accounts = counting("fog/3", {"a": 1, "b": 1}), Accounts(Subjects())
    accounts.open("fog.v1.metrics.fog.3").seconds = 1.0
    MemoryMetrics(divide(2**30, 0, 0, 0), fleet.network, fleet.own)
    fleet.own.add_source(lambda: [costliest(accounts, fleet.network)])
    found: list[FamilySnapshot] = []
    asking = Thread(target=lambda: found.extend(fleet.own.collect()))
    with fleet.network.held_still():
        asking.start()
        asking.join(DEADLINE)
        names = {one.family.name for one in found if one.series}
        assert {"fog_aggregator_memory_bytes", "fog_aggregator_path_cost"} <= names
