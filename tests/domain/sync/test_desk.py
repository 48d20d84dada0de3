"""What the sync works with, opened once however many ask for it at once."""

import asyncio

from domain.sync.desk import Desk
from tests.domain.sync.conftest import Scene


async def test_whoever_asks_while_an_adapter_is_opened_gets_the_same_one(scene: Scene) -> None:
    desk = Desk(scene.desk.settings.model_copy(update={"private_trackers": False}), scene.desk.database, scene.desk.bell, scene.desk.vault)
    scene.tracker.base_url = "https://8.8.8.8/api/v3"  # looked up, and never called
    opened = await asyncio.gather(*(desk.adapter(scene.tracker) for _ in range(10)))
    assert len({id(adapter) for adapter in opened}) == 1
    await desk.close()


async def test_changed_credentials_open_another_adapter(scene: Scene) -> None:
    first = await scene.desk.adapter(scene.tracker)
    scene.tracker.credentials = scene.desk.vault.seal_json({"token": "ghp_other"})
    assert await scene.desk.adapter(scene.tracker) is not first
