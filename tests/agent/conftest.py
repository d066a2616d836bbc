"""What the agent's tests share."""

import pytest

from tests.agent.node import Node


@pytest.fixture
def node() -> Node:
    """A node that has counted nothing."""
    return Node()
