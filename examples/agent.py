"""An agent in a trip room: it reads the trip, plans a day, streams what it finds, stops when it is told to, and comes back when
the server restarts.

    pip install websockets && python agent.py ws://127.0.0.1:8080 lisbon [API key]
"""

import asyncio
import itertools
import json
import sys
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

server, room, key = (sys.argv[1:] + ["ws://127.0.0.1:8080", "lisbon", ""][len(sys.argv) - 1 :])[:3]
url = f"{server}/v1/rooms/{quote(room, safe='')}/socket"
headers = {"authorization": f"Bearer {key}"} if key else {}
query = "" if key else "name=agent:Guide"  # works while authentication is off


class Room:
    """The socket: says things, asks and waits for the answer, and remembers what it heard last."""

    def __init__(self):
        self.socket, self.cursor, self.waiting, self.refs = None, None, {}, itertools.count(1)

    async def say(self, type, **data):
        await self.socket.send(json.dumps({"type": type, "data": data}))

    async def ask(self, type, **data):
        ref = str(next(self.refs))
        self.waiting[ref] = answer = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"type": type, "ref": ref, "data": data}))
        return await answer

    async def events(self):
        async for frame in self.socket:
            event = json.loads(frame)
            self.cursor = event.get("id", self.cursor)
            if (answer := self.waiting.pop(event.get("ref"), None)) is None:
                yield event
            elif event["type"] in ("error", "doc.rejected"):
                answer.set_exception(RuntimeError(event["data"].get("hint") or event["data"]["message"]))
            else:
                answer.set_result(event["data"])


async def plan(room):
    trip = (await room.ask("doc.read"))["value"]
    if any(item.get("by") == "agent:Guide" for item in trip["items"].values()):
        return  # it has planned before
    day = trip["trip"].get("start_date") or "2026-05-01"
    titles = ["Breakfast at the market", "Walk up to the castle", "Fado and dinner"]
    await room.ask("agent.task", task="plan", title=f"Plan {day}", state="running", client_id="plan-1")
    for done, title in enumerate(titles):
        await room.say("agent.status", state="executing", progress=done / len(titles), message=f"Planning {title}")
        await room.say("agent.output", message="plan", task="plan", chunk=f"{done + 1}. {title}\n")
        item = {"kind": "activity", "title": title, "day": day}
        await room.ask("doc.patch", operations=[{"op": "item.add", "item": item}])
    await room.ask("agent.output", message="plan", done=True)  # becomes a message that everybody reads
    await room.ask("agent.task", task="plan", state="completed", progress=1, client_id="plan-2")
    await room.say("agent.status", state="completed", message="The day is planned")
    print("done", flush=True)


async def main():
    room = Room()
    while True:
        cursor = f"cursor={room.cursor}" if room.cursor else ""
        try:
            async with connect(f"{url}?{query}&{cursor}", additional_headers=headers) as room.socket:
                work = None
                async for event in room.events():
                    type, data = event["type"], event["data"] if "data" in event else {}
                    if type == "room.welcome":
                        room.cursor = data["cursor"]
                        print("welcome", data["role"], flush=True)
                        work = asyncio.create_task(plan(room))
                    elif type == "agent.command" and data.get("agent") in (None, "agent:Guide"):
                        if data["action"] == "cancel" and work:
                            work.cancel()
                            await room.say("agent.status", state="paused", message="Stopped")
                    elif type in ("chat.message", "doc.changed", "trip.warning"):
                        print(type, data.get("text") or data.get("pointers") or len(data["warnings"]), flush=True)
        except ConnectionClosed as closed:
            if closed.rcvd and 4400 <= closed.rcvd.code < 4500:
                sys.exit(closed.rcvd.reason)  # coming back is of no use
        except OSError as error:
            print(error, file=sys.stderr)
        for answer in room.waiting.values():
            answer.cancel()
        room.waiting.clear()
        await asyncio.sleep(1)


asyncio.run(main())
