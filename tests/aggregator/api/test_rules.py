"""Rules and alerts are told as a Prometheus 2.42 told the same ones: member by member, in its order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

import pytest

from fog_aggregator.components.http.prometheus.ports import AlertStatus, GroupStatus, RuleStatus
from fog_aggregator.promql import MemoryStorage
from tests.aggregator.api.asking import Asked, asking

ALERT: Final = (
    '{"labels":{"alertname":"Always","severity":"page"},"annotations":{"summary":"v 1.234567e+06"},'
    '"state":"firing","activeAt":"2026-11-26T10:02:45.63Z","value":"1.234567e+06"}'
)
RECORDING: Final = (
    '{"name":"job:x","query":"sum by (job) (vector(3))","labels":{"team":"a"},"health":"ok",'
    '"evaluationTime":0.000206757,"lastEvaluation":"2026-11-26T10:02:52.639Z","type":"recording"}'
)
ALERTING: Final = (
    '{"state":"firing","name":"Always","query":"vector(1.234567e+06) > 1","duration":0.0,"keepFiringFor":0.0,'
    '"labels":{"severity":"page"},"annotations":{"summary":"v {{ $value }}"},'
    f'"alerts":[{ALERT}],"health":"ok","evaluationTime":0.000176773,"lastEvaluation":"2026-11-26T10:02:52Z",'
    '"type":"alerting"}'
)
FAILING: Final = (
    '{"state":"inactive","name":"Bad","query":"vector(1) + on () x","duration":300.0,"keepFiringFor":0.0,"labels":{},'
    '"annotations":{},"alerts":[],"health":"err","lastError":"found duplicate series","evaluationTime":0.0,'
    '"lastEvaluation":"0001-01-01T00:00:00Z","type":"alerting"}'
)
REST: Final = '"interval":1.0,"limit":0,"evaluationTime":0.5,"lastEvaluation":"2026-11-26T10:02:52.639Z"}'
AT: Final = 1_795_687_372_639
ACTIVE: Final = AlertStatus(
    labels=(("alertname", "Always"), ("severity", "page")),
    annotations={"summary": "v 1.234567e+06"},
    state="firing",
    active_at=1_795_687_365_630,
    value=1_234_567.0,
)
GROUP: Final = GroupStatus(
    name="g",
    file="rules.yml",
    interval_seconds=1.0,
    evaluation_seconds=0.5,
    last_evaluation=AT,
    rules=(
        RuleStatus("job:x", "sum by (job) (vector(3))", {"team": "a"}, "ok", "", 0.000206757, AT),
        RuleStatus(
            "Always",
            "vector(1.234567e+06) > 1",
            {"severity": "page"},
            "ok",
            evaluation_seconds=0.000176773,
            last_evaluation=AT // 1000 * 1000,
            state="firing",
            annotations={"summary": "v {{ $value }}"},
            alerts=(ACTIVE,),
        ),
        RuleStatus(
            "Bad", "vector(1) + on () x", {}, "err", "found duplicate series", state="inactive", hold_seconds=300.0
        ),
    ),
)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """Provide an API with one group of three rules, and one active alert."""
    async with asking(MemoryStorage({})) as asked:
        asked.rules.groups, asked.rules.active = (GROUP,), (ACTIVE,)
        yield asked


def group(*rules: str) -> str:
    """Write the answer with some of the rules."""
    inside = f'{{"name":"g","file":"rules.yml","rules":[{",".join(rules)}],{REST}' if rules else ""
    return f'{{"status":"success","data":{{"groups":[{inside}]}}}}\n'


async def test_rules_are_told_with_their_state(asked: Asked) -> None:
    """Recording and alerting ones, healthy and not, evaluated and not yet."""
    assert (await asked.ask("/api/v1/rules")).text == group(RECORDING, ALERTING, FAILING)


async def test_alerts_are_told_with_their_values(asked: Asked) -> None:
    """Labels and annotations are filled in, and the value is in the style of Go's %e."""
    assert (await asked.ask("/api/v1/alerts")).text == f'{{"status":"success","data":{{"alerts":[{ALERT}]}}}}\n'


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("type=record", (RECORDING,)),
        ("type=alert", (ALERTING, FAILING)),
        ("rule_name[]=Bad&rule_name[]=job:x", (RECORDING, FAILING)),
        ("rule_group[]=g&file[]=rules.yml&type=record", (RECORDING,)),
        ("rule_group[]=other", ()),
        ("file[]=other", ()),
        ("rule_name[]=none", ()),
    ],
)
async def test_some_rules_are_asked_for(asked: Asked, query: str, rules: tuple[str, ...]) -> None:
    """By type, name, group and file; a group without any is left out."""
    assert (await asked.ask(f"/api/v1/rules?{query}")).text == group(*rules)


async def test_an_alert_that_only_keeps_firing_says_since_when(asked: Asked) -> None:
    """A member more, as from Prometheus 2.42 on where it applies."""
    asked.rules.active = (AlertStatus((), {}, "firing", 0, float("nan"), keep_firing_since=1_500),)
    (alert,) = json.loads((await asked.ask("/api/v1/alerts")).body)["data"]["alerts"]
    assert (alert["activeAt"], alert["keepFiringSince"], alert["value"]) == (
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:01.5Z",
        "NaN",
    )
