"""Reports this machine's own metrics (cpu, memory, disk, network, load, processes) under a place in the tree.

  fog agent --path fog/0/3
  fog agent --path 'fog/${RACK}/${HOSTNAME}' --nats nats://10.0.0.1:4222
  fog agent --path fog/0/3 --once
  fog agent --path fog/0/3 --filters filters.toml --explain node_cpu_seconds_total
  fog agent --path fog/0/3 --sources sources.toml

With credentials of its own a node has an inbox of its own, which may be a template too, as in
--inbox-prefix '_INBOX_AGENT.fog.${RACK}.${HOSTNAME}'. Without a server it keeps trying. SIGTERM and Ctrl-C flush the
last counts first.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fog_agent.edge.options import AgentOptions
from fog_bus.nats.light import import_tls_late
from fog_bus.options import option, switch
from fog_bus.options.kinds import DIRECTORY, FILE, NAME, PATH
from fog_cli.config import group, part
from fog_cli.errors import UsageError
from fog_cli.later import later
from fog_cli.logs import LogSettings
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog agent`."""

    path: str = option("", "place in the tree: fog/0/3, or a template as fog/${RACK}/${HOSTNAME}", PATH)
    agent: AgentOptions = part(AgentOptions)
    host_root: str = option("", "where the machine's root is mounted, for an agent in a container: /host", DIRECTORY)
    sources: Path | None = option(
        None, "file that says what else of this machine to read: TOML, a table for each source", FILE, convert=Path
    )
    once: bool = switch("print what would be sent, and end; sources that may be read are")
    explain: str = option(
        "", 'print rule by rule what filters make of a metric, or of NAME{label="text"}, and end', NAME
    )
    ledger: str | None = option(None, "write here, when it ends, what was counted, as JSON, for an audit", FILE)
    stop_on_eof: bool = switch("stop when standard input ends, as it does when the parent is gone")
    nats: NatsSettings = group(NatsSettings)
    log: LogSettings = group(LogSettings)


_report: Final = later("fog_cli.actions.agent:report")
_print_once: Final = later("fog_cli.actions.agent:print_once")


def run(settings: Settings) -> int:
    """Report until told to stop."""
    from fog_schema.errors import PathError
    from fog_schema.paths import expand_template, fill_template, format_path

    if not settings.path:
        raise UsageError("where in the tree is this node? Give --path fog/0/3, FOG_PATH, or path in [agent]")
    try:
        path = format_path(expand_template(settings.path, os.environ, socket.gethostname))
        inbox = fill_template(settings.nats.inbox_prefix or "", os.environ, socket.gethostname)
    except PathError as error:
        raise UsageError(str(error)) from None
    if settings.ledger and settings.agent.filters:
        raise UsageError("--ledger is for an audit of all that was counted: --filters leaves some of it out")
    settings = replace(settings, nats=replace(settings.nats, inbox_prefix=inbox or None))
    import_tls_late()
    return _print_once(settings) if settings.once or settings.explain else _report(settings, path)
