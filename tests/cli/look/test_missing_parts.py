"""Commands say which parts an answer lacks, as the aggregator of a branch does not answer."""

from __future__ import annotations

from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from tests.aggregator.test_below import root_above
from tests.cli.look.test_verbs import Ran, ran

WHY = "fog/1: its aggregator gives no usable answer"


async def asked(root: Aggregator, *arguments: str) -> Ran:
    """Run a command that asks an aggregator."""
    host, port = root.web.address
    return await ran(*arguments, "--api", f"http://{host}:{port}")


async def test_what_a_branch_does_not_tell_is_said(fog_nats: NatsServer) -> None:
    """Beside what is known; an audit, which would compare nothing, fails. A branch among others is named as one."""
    async with root_above(fog_nats, free_port()) as root:
        for verb, printed in (("tree", "fog/1  "), ("nodes", "fog/1 ")):
            cut = await asked(root, verb, "fog/1")
            assert (cut.returncode, cut.stderr) == (0, f"fog {verb}: parts are missing: {WHY}\n")
            assert printed in cut.stdout
        for verb in ("events", "alerts"):
            path = "fog/1" if verb == "events" else "fog/1/a"
            assert f"fog {verb}: parts are missing: fog/1: " in (await asked(root, verb, path)).stderr
        audit = await asked(root, "audit", "fog/1", "--nats", fog_nats.url)
        assert (audit.returncode, audit.stdout) == (1, "")
        assert audit.stderr == f"fog audit: not audited, as not all nodes are known: {WHY}\n"
        whole = await asked(root, "tree")
        assert whole.stderr == "fog tree: what lies below a branch is asked for by its path, as in fog tree fog/1\n"
