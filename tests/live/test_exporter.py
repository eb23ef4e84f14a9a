"""One process shows Prometheus every node: a list, a page each, and what a node that is down looks like."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from wire_fleet import run

from ganglion.bench.access_console import CLOUD, cloud
from ganglion.cli.nodes import node_folders
from ganglion.core.facts import Denied
from ganglion.core.fleet import NodeId
from ganglion.live.admin import AdminClient
from ganglion.live.agent_file import read_agent_file, write_agent_file
from ganglion.live.exporter import Exporter


async def got(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Status and text."""
    async with session.get(url) as answer:
        return answer.status, await answer.text()


@pytest.mark.live
def test_every_node_has_a_page_and_one_that_is_down_says_so(tmp_path: Path) -> None:
    def count_one() -> None:
        with AdminClient(tmp_path / CLOUD) as client:
            client.tell(Denied("query", "Test", NodeId("edge-1"), "to be counted"))

    async def work() -> None:
        exporter = Exporter(node_folders(tmp_path), "1.2.3")
        runner = await exporter.start(0)
        async with aiohttp.ClientSession() as session:
            listed = json.loads((await got(session, exporter.url))[1])
            assert {one["labels"]["node"] for one in listed} == {CLOUD, "edge-9"}
            pages = {one["labels"]["node"]: one["labels"]["__metrics_path__"] for one in listed}
            base = f"http://{listed[0]['targets'][0]}"
            page = ""
            for _ in range(100):  # until what it follows has reached it
                await asyncio.to_thread(count_one)
                status, page = await got(session, base + pages[CLOUD])
                assert status == 200
                if 'ganglion_denied_total{gate="query"}' in page:
                    break
                await asyncio.sleep(0.05)
            assert 'ganglion_denied_total{gate="query"}' in page
            assert 'ganglion_build_info{version="1.2.3",zone="cloud"} 1.0' in page
            status, why = await got(session, base + pages["edge-9"])
            assert status == 503 and "no node listens" in why
            assert (await got(session, base + "/metrics/edge-10"))[0] == 404
        await runner.cleanup()

    with cloud(tmp_path):
        file = read_agent_file(tmp_path / CLOUD)
        (tmp_path / "edge-9").mkdir()
        write_agent_file(tmp_path / "edge-9", file)
        run(work())
