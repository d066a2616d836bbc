"""Fixtures that the agent's tests share."""

import pytest

from tests.agent.node import Node


@pytest.fixture
def node() -> Node:
    """Provide a node that has counted nothing."""
    return Node()
