"""Says which calls of the adapter, and which answers to them, the tests before held to the description: runs last."""

import pytest

from tests.contract.conftest import Proxy
from tests.contract.description import template

pytestmark = pytest.mark.contract


def test_every_call_of_the_adapter_was_held_to_the_description(proxy: Proxy) -> None:
    held = {f"{template(verb, url)} {status}" for verb, url, status in proxy.adapter_calls}
    print("\n".join(sorted(held)), len(proxy.adapter_calls), len(proxy.calls))
