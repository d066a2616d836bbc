"""docs/sdk-getting-started.md leads where it says: its program is on the fleet's /metrics."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator

PAGE = (Path(__file__).parents[2] / "docs" / "sdk-getting-started.md").read_text("utf-8")


async def test_the_program_arrives_on_the_fleets_metrics(fog_nats: NatsServer, tmp_path: Path) -> None:
    """As printed, but for the server's port, and with an order for each line of input, sent sooner: all of them arrive.

    The queue shows while the program runs, and leaves with it.
    """
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for printed, wanted in (
        ("nats://127.0.0.1:4222", fog_nats.url),
        ("range(1000)", "open(0)"),
        ("interval=1.0", "interval=0.1"),
    ):
        assert printed in program
        program = program.replace(printed, wanted)
    (tmp_path / "shop.py").write_text(program, "utf-8")
    async with aggregator("--nats", fog_nats.url) as view:

        async def shown(pattern: str) -> list[str]:
            return re.findall(pattern, await view.metrics() or "", re.MULTILINE)

        async def gone(pattern: str) -> bool:
            return await view.metrics() is not None and not await shown(pattern)

        shop = await asyncio.create_subprocess_exec(sys.executable, "shop.py", cwd=tmp_path, stdin=subprocess.PIPE)
        assert shop.stdin is not None
        shop.stdin.write(b"an order\n" * 5)
        await eventually(lambda: shown(r"^shop_queue_length \d$"), deadline=60)
        shop.stdin.write(b"an order\n" * 15)
        shop.stdin.close()
        assert await shop.wait() == 0
        await eventually(lambda: shown(r"^shop_order_seconds_count 20$"), deadline=60)
        orders = await shown(r'^shop_orders_total\{kind="(?:pizza|pasta)"\} (\d+)$')
        assert sum(map(int, orders)) == 20
        await eventually(lambda: gone(r"^shop_queue_length"), deadline=60)
