"""An operator silences an alert from the page, and ends the silence: with a login that may do so."""

from __future__ import annotations

from pathlib import Path

from fog_aggregator.components.http.access.credentials import Credential, line_of, new_token
from fog_testing.nats_server import NatsServer
from tests.page.browser import needs_browser, tab
from tests.page.crowd import Crowd, watched

pytestmark = needs_browser
REASON = 'new disk; "ticket" 4411'


async def test_an_alert_is_silenced_and_the_silence_ended(fog_nats: NatsServer, tmp_path: Path) -> None:
    """The command is shown first; the button wants a reason; the alert leaves the list, and comes back."""
    token, known = new_token()
    file = tmp_path / "tokens"
    file.write_text(line_of(Credential("on-call", ("fog",), known, may_silence=True)) + "\n")
    file.chmod(0o600)
    async with (
        watched(fog_nats, tmp_path, "--http.token-file", str(file), "--http.silences") as watcher,
        Crowd(fog_nats.url, ("fog/a/r0/n0", "fog/a/r0/n1")) as crowd,
        tab("about:blank") as opened,
    ):
        crowd.nodes["fog/a/r0/n1"].ratio.set(0.5)
        await opened.page.set_extra_http_headers({"Authorization": f"Bearer {token}"})
        await opened.page.goto(f"{watcher.url}/#/?view=alerts&open=ErrorsRise")
        await opened.page.locator("[aria-label=Firing] tr.open").click(timeout=40_000)
        button = opened.page.get_by_role("button", name="Silence for 2 h")
        assert await button.is_disabled()
        await opened.page.get_by_label("Reason").fill(REASON)
        await opened.shows("--duration 2h", ".command")
        await button.click()
        silenced = opened.page.locator("[aria-label=Silenced]")
        await silenced.wait_for(timeout=40_000)
        await silenced.locator("tr.open").click()
        await opened.shows(REASON, "[aria-label=Silenced]")
        await opened.page.get_by_role("button", name="End it").click()
        await opened.page.locator("[aria-label=Firing] tr.open").wait_for(timeout=90_000)
        assert opened.said == []
