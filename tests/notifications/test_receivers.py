"""Real receivers: a webhook that fails in every way, Alertmanagers that are killed, NATS, the log."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from dataclasses import replace
from functools import partial
from unittest import mock

import pytest

from fog_aggregator.components.notifications import client, notifier
from fog_aggregator.components.notifications.options import HTTP_URLS, NotificationOptions
from fog_aggregator.notifications.silences import Question
from fog_schema.commands import SILENCE, Command
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.notifications.receiving import Told, alert, alertmanagers, hook, needs_alertmanager, telling

LOG = "log"


def name_of(kind: str, url: str) -> str:
    """Name a receiver as its metrics do."""
    return f"{kind}:{url.rpartition('//')[2]}"


def pass_wait(told: Told) -> None:
    """Let the time go on for which the first news of a group waits, and for which a pause lasts."""
    told.now += 61


async def test_a_webhook_is_told_of_firing_and_resolved() -> None:
    """In one message for a subtree, in Alertmanager's format, with a key that is equal for equal news."""
    async with hook() as taking, telling(webhook=(f"{taking.url}/in?token=x",)) as told:
        told.submit(alert("A", fog_path="fog/0/1"), alert("B", fog_path="fog/0/2"))
        pass_wait(told)
        await eventually(lambda: told.count(name_of("webhook", taking.url), "sent") == 2)  # it has the answer
        told.submit(alert("A", firing=False, fog_path="fog/0/1"))
        pass_wait(told)
        await eventually(lambda: len(taking.bodies) == 2)
        assert taking.alerts() == ["A firing", "B firing", "B firing", "A resolved"]
        assert taking.bodies[0]["externalURL"] == "http://fog:10364"
        keys = [headers["Idempotency-Key"] for headers in taking.headers]
        assert len(set(keys)) == 2
        assert told.count(name_of("webhook", taking.url), "sent") == 4


async def test_a_webhook_that_fails_is_told_again_with_the_same_key() -> None:
    """After errors of 5xx, and while there is no server at all."""
    port = free_port()
    name = f"webhook:127.0.0.1:{port}"
    async with telling(webhook=(f"http://127.0.0.1:{port}/",)) as told:
        told.submit(alert())
        pass_wait(told)
        await eventually(lambda: told.count(name, "failed"))
        async with hook(port) as taking:
            taking.statuses = [503, 500]
            for failures in (2, 3):
                pass_wait(told)
                await eventually(lambda wanted=failures: told.count(name, "failed") == wanted)  # type: ignore[misc]
            pass_wait(told)
            await eventually(lambda: taking.bodies)
            assert len({headers["Idempotency-Key"] for headers in taking.headers}) == 1
        assert told.count(name, "sent") == 1


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_webhook_that_refuses_is_not_asked_again(status: int) -> None:
    """As Alertmanager does; the next news are sent."""
    async with hook() as taking, telling(webhook=(taking.url,)) as told:
        taking.statuses = [status]
        told.submit(alert("A", fog_path="fog/0"))
        pass_wait(told)
        await eventually(lambda: told.count(name_of("webhook", taking.url), "refused"))
        told.submit(alert("A", fog_path="fog/0"), alert("B", fog_path="fog/0"))
        pass_wait(told)
        await eventually(lambda: taking.bodies)
        assert taking.alerts() == ["B firing"]


async def test_nobody_is_sent_elsewhere() -> None:
    """An answer that points to another place would get the credentials and the alerts there."""
    async with hook() as taking, telling(webhook=(taking.url,)) as told:
        taking.statuses = [307]
        told.submit(alert())
        pass_wait(told)
        await eventually(lambda: told.count(name_of("webhook", taking.url), "failed"))
        assert len(taking.headers) == 1


async def test_a_dead_receiver_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One hangs for an hour, another is told of everything meanwhile, and we end before that."""
    monkeypatch.setattr(client, "TIMEOUT", 3600.0)
    async with hook() as dead, hook() as taking:
        dead.hangs = True
        async with telling(webhook=(dead.url, taking.url)) as told:
            for number in range(3):
                told.submit(alert(str(number), fog_path=f"fog/{number}"))
                pass_wait(told)
                await eventually(lambda wanted=number: len(taking.bodies) > wanted)  # type: ignore[misc]
            await eventually(lambda: dead.headers)
        assert dead.bodies == []


async def test_credentials_are_sent_and_never_told(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log, nor a metric, nor the configuration as it is printed has user, password, path or query."""
    async with hook() as taking:
        secret = taking.url.replace("//", "//me:s3cret@") + "/T0KEN?key=k3y"
        async with telling(webhook=(secret,), alertmanager=(secret,)) as told:
            taking.statuses = [500, 500]
            told.submit(alert())
            pass_wait(told)
            await eventually(lambda: len(taking.headers) >= 2)
            assert {headers["Authorization"] for headers in taking.headers} == {"Basic bWU6czNjcmV0"}
            pass_wait(told)
            await eventually(lambda: len(taking.bodies) >= 2)
            shown = repr(told.own.collect()) + caplog.text + HTTP_URLS.show((secret,))
    assert "webhook:127.0.0.1" in caplog.text
    assert "500: so it is: cannot POST" in caplog.text
    assert not [word for word in ("me:", "s3cret", "T0KEN", "k3y", "bWU6czNjcmV0") if word in shown]


@pytest.mark.parametrize("url", ["ftp://x", "localhost:9093", "http://", "http://x:99999"])
def test_what_is_no_url_is_an_error(url: str) -> None:
    """It says what to write."""
    with pytest.raises(ValueError, match="write http://HOST:PORT"):
        HTTP_URLS.parse(url)


async def test_alerts_go_to_nats_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """On the subject of their place, each change once; those of the whole have a place of their own."""
    heard: list[tuple[str, dict[str, object]]] = []
    caplog.set_level(logging.INFO)
    async with telling(alerts_to_nats=True) as told:
        await told.bus.listen(["fog.v1.alerts.>"], lambda subject, data: heard.append((subject, json.loads(data))))
        for _ in range(2):
            told.submit(alert("A", fog_path="fog/0/3"), alert("B"))
            await eventually(lambda: told.count("nats", "sent") == 2 and told.count(LOG, "sent") == 2)
        told.submit(alert("B", firing=False))
        await eventually(lambda: told.count("nats", "sent") == 3 and told.count(LOG, "sent") == 3)
        await eventually(lambda: len(heard) == 3)
    assert [subject for subject, _ in heard] == [
        "fog.v1.alerts.fog.0.3",
        "fog.v1.alerts.~fleet",
        "fog.v1.alerts.~fleet",
    ]
    assert [(body["status"], body["key"]) for _, body in heard[1:]] == [
        ("firing", alert("B").key),
        ("resolved", alert("B", firing=False).key),
    ]
    lines = [record.getMessage() for record in caplog.records if record.name == "fog_aggregator.alerts"]
    assert lines == ['alert A firing {fog_path="fog/0/3"}: A', "alert B firing: B", "alert B resolved: B"]


async def test_silenced_alerts_are_not_told() -> None:
    """And nothing is told before the silences are known, or have been waited for."""
    async with hook() as taking, telling(webhook=(taking.url,)) as told:
        told.known = False
        told.submit(alert("A"), alert("B"))
        pass_wait(told)
        silence = Command(SILENCE, "a", matchers=((0, "alertname", "A"),), duration=3_600_000)
        told.component.silences.take(("fog",), silence, told.now)
        assert not taking.bodies
        told.known = True
        await eventually(lambda: taking.bodies)
        assert taking.alerts() == ["B firing"]
        told.now += 3600
        await eventually(lambda: len(taking.bodies) == 2)
        assert sorted(taking.alerts()[1:]) == ["A firing", "B firing"]


async def test_silences_are_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NATS away since the start nobody knows them, and that NATS is away must be told."""
    monkeypatch.setattr(notifier, "_PATIENCE", 0.0)
    async with hook() as taking, telling(webhook=(taking.url,)) as told:
        told.known = False
        told.submit(alert("FogCutOff"))
        pass_wait(told)
        await eventually(lambda: taking.bodies)


async def test_a_restart_tells_no_webhook_twice() -> None:
    """News that were told are in the checkpoint; the next run tells what is left."""
    async with hook() as taking:
        async with telling(webhook=(taking.url,)) as told:
            told.submit(alert("A"), alert("B"))
            pass_wait(told)
            await eventually(lambda: told.count(name_of("webhook", taking.url), "sent") == 2)  # it has the answer
            told.submit(alert("A", firing=False))
            saved = told.component.image()
        async with telling(webhook=(taking.url,), now=told.now) as told:
            told.component.restore(saved)
            told.submit(alert("B"))
            pass_wait(told)
            await eventually(lambda: len(taking.bodies) == 2)
        assert taking.alerts() == ["A firing", "B firing", "B firing", "A resolved"]


async def test_one_bad_alert_does_not_keep_the_others_back() -> None:
    """Of a batch that an Alertmanager refuses each is sent alone, and the bad one is counted, once."""
    async with hook() as taking, telling(alertmanager=(taking.url,)) as told:
        taking.statuses = [400, 200, 400, 200]
        told.submit(alert("A"), alert("B"), alert("C"))
        name = name_of("alertmanager", taking.url)
        await eventually(lambda: told.count(name, "sent") == 2)
        assert told.count(name, "refused") == 1
        assert taking.alerts() == ["A", "C"]


async def test_many_silences_hold_nobody_up() -> None:
    """A thousand expressions and hundreds of alerts are compared in a thread, and once."""
    async with telling() as told:
        answered: list[str] = []
        answer = Question.answer

        def note(question: Question) -> frozenset[str]:
            answered.append(threading.current_thread().name)
            return answer(question)

        with mock.patch.object(Question, "answer", note):
            for number in range(1_000):
                command = Command(SILENCE, str(number), matchers=((2, "n", f"{number}(0+|x)"),), duration=3_600_000)
                told.component.silences.take(("fog",), command, told.now - 1)
            told.submit(*(alert("A", n=str(number)) for number in range(300)))
            await eventually(lambda: told.count("log", "sent") == 271, deadline=30)
            told.submit(*(alert("A", n=str(number)) for number in range(300)))
            told.submit(alert("B"))
            await eventually(lambda: told.count("log", "sent") == 272, deadline=30)
    assert len(answered) == 301
    assert threading.main_thread().name not in answered


# Debian's Alertmanager


@needs_alertmanager
async def test_a_real_alertmanager_refuses_one_and_takes_the_rest() -> None:
    """A label's name that it does not know is one bad alert; the fingerprint of the good one is ours."""
    async with hook() as taking:
        with alertmanagers(taking.url, 1) as [one]:
            await one.start()
            async with telling(alertmanager=(one.url,), now=time.time()) as told:
                good = alert("Good", starts=int(told.now * 1000))
                bad = replace(good, labels=(("a-b", "x"), ("alertname", "Bad")))
                told.submit(good, bad)
                name = name_of("alertmanager", one.url)
                await eventually(lambda: told.count(name, "refused") and told.count(name, "sent"))
                assert await one.alerts() == {good.fingerprint: "active"}


@needs_alertmanager
async def test_a_cluster_whose_member_is_killed_tells_once() -> None:
    """One of two Alertmanagers is killed and started again, and we are restarted: the hook hears each change once."""
    async with hook() as taking:
        with alertmanagers(taking.url, 2) as several:
            await asyncio.gather(*(one.start() for one in several))
            for one in several:
                await eventually(partial(one.joined, 2), deadline=30)
            urls = tuple(one.url for one in several)
            async with telling(alertmanager=urls, now=time.time()) as told:
                starts = int(told.now * 1000)
                fires = alert("Down", starts=starts, fog_path="fog/0")
                told.submit(fires)
                for one in several:
                    await eventually(partial(told.count, name_of("alertmanager", one.url), "sent"))
                await eventually(lambda: taking.bodies, deadline=30)
                # The one that has told the hook may not have said so to the other yet: it tells at least once.
                has_told = [one.url.rpartition(":")[2] in taking.bodies[0]["externalURL"] for one in several]
                other = several[has_told.index(False)]
                other.kill()
                told.now += 61
                told.submit(fires)
                await eventually(lambda: told.count(name_of("alertmanager", other.url), "failed"))
                saved = told.component.image()
            await other.start()
            await eventually(lambda: other.joined(2), deadline=30)
            assert await other.alerts() == {}
            async with telling(alertmanager=urls, now=told.now) as told:
                told.component.restore(saved)
                await eventually(lambda: told.count(name_of("alertmanager", other.url), "sent"))
                assert await other.alerts() == {fires.fingerprint: "active"}
                await eventually(other.has_looked, deadline=30)
                over = alert("Down", firing=False, starts=starts, fog_path="fog/0")
                told.submit(over)
                await eventually(lambda: taking.alerts()[-1] == "Down resolved", deadline=30)
                told.now += 61
                told.submit(over)  # it is told again that it has resolved
                await eventually(lambda: told.count(name_of("alertmanager", other.url), "sent") >= 3)
    assert taking.alerts() == ["Down firing", "Down resolved"]
    assert NotificationOptions().alertmanager == ()
