"""Save the stamps of orders, by which every reader of a stream knows the same ones as read."""

from __future__ import annotations

from fog_aggregator.core.quarantine.orders import Quarantine
from fog_aggregator.core.quarantine.read_orders import MOST_READ
from fog_aggregator.core.saved import DamagedError, Saved, as_count, as_list, as_path


class OrderStamps:
    """Save what `Quarantine` knows of the stamps of orders, as a part of its own: earlier programs did not know it.

    Args:
        quarantine: has the orders, and is restored before.
    """

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine

    def image(self) -> Saved:
        """Return the stamps of the orders that are remembered, and of those that were read."""
        known, read = self._quarantine.known, self._quarantine.read
        stamps = [(path, [order.stamp for order in orders]) for path, orders in known.items()]
        return Saved({"orders": stamps, "read": list(read.known), "since": read.since})

    def restore(self, saved: Saved) -> None:
        """Take over the stamps of the orders that are there.

        Raises:
            DamagedError: They are of other orders.
        """
        known = dict(saved.records("orders", as_path, as_list))
        read = saved.records("read", as_path, as_count)
        if len(read) > MOST_READ:
            raise DamagedError(f"{len(read)} orders were read, at most {MOST_READ} can be known")
        self._quarantine.read.known = dict.fromkeys(read)
        self._quarantine.read.since = saved.value("since", as_count)
        self._quarantine.stamp({path: [as_count(one) for one in stamps] for path, stamps in known.items()})

    def assume(self) -> None:
        """Know that earlier orders were read, after a checkpoint that has no stamps."""
        times = (round(order.at * 1e9) for orders in self._quarantine.known.values() for order in orders)
        self._quarantine.read.since = max(times, default=0)
