"""Python's websockets as a client of the protocol. Arguments: the node's address for WebSockets, and one through a
wire that is cut and mended, as the node is killed, when a line on stdout asks for it; a line on stdin says done."""

import asyncio
import json
import secrets
import sys
import unittest

import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatusCode

given = json.loads(sys.argv[1])


def ask(what):
    print(what, flush=True)
    assert sys.stdin.readline() == "done\n"


async def please(what):
    await asyncio.get_running_loop().run_in_executor(None, ask, what)


def url(room, base="direct", conn=None, **query):
    query["conn"] = conn or secrets.token_urlsafe(24)
    return f"{given[base]}/v1/room/{room}?" + "&".join(f"{k}={v}" for k, v in query.items())


def bearer(token="token"):
    return {"Authorization": f"Bearer {given[token]}"}


def connect(*args, headers=None, protocols=("tutti.v1",), **query):
    return websockets.connect(url(*args, **query), subprotocols=list(protocols), extra_headers=headers or {})


def say(i, text):
    return json.dumps({"type": "command", "id": i, "name": "say", "data": {"text": text}})


class Link:
    """The frames of a connection, over all of its links."""

    def __init__(self):
        self.texts, self.epoch, self.rev, self.ready = [], None, None, []

    async def next(self, socket, kind):
        while True:
            while not self.ready:
                message = await asyncio.wait_for(socket.recv(), 20)
                self.ready = [json.loads(line) for line in message.split("\n")]
            frame = self.ready.pop(0)
            if frame["type"] == "welcome":
                assert frame["resumed"] == ("state" not in frame)
                assert not frame["resumed"] or (frame["epoch"], frame["rev"]) == (self.epoch, self.rev), frame
                self.epoch, self.rev = frame["epoch"], frame["rev"]
            if frame["type"] == "event":
                assert frame.get("prev", frame["rev"] - 1) == self.rev < frame["rev"], (frame, self.rev)
                self.rev = frame["rev"]
                self.texts.append(frame["data"]["text"])
            if frame["type"] == kind:
                return frame

    @property
    def cursor(self):
        return f"{self.epoch}:{self.rev}"


async def end(socket):
    """Returns the code of terminate, the close code, and whether to come back."""
    last = None
    try:
        async for message in socket:
            last = json.loads(message.split("\n")[-1])
    except ConnectionClosed:
        pass
    return (last or {}).get("code"), socket.close_code, (last or {}).get("reconnect")


class Clients(unittest.IsolatedAsyncioTestCase):
    async def test_who_one_is(self):
        ways = [
            dict(headers=bearer()),
            dict(protocols=["tutti.v1", "bearer." + given["token"]]),
            dict(protocols=["tutti.v1", "ticket." + given["tickets"][0]]),
            dict(ticket=given["tickets"][1]),
        ]
        for i, way in enumerate(ways):
            link = Link()
            async with connect(f"py-{i}", **way) as socket:
                self.assertEqual(socket.subprotocol, "tutti.v1")
                welcome = await link.next(socket, "welcome")
                self.assertEqual((welcome["rev"], welcome["state"]["count"], welcome["acked"]), (0, 0, 0))
                await socket.send(say(1, "hello") + "\n" + say(2, ""))
                self.assertEqual(await link.next(socket, "ack"), {"type": "ack", "id": 1, "rev": 1, "reply": {"line": 1}})
                self.assertEqual((await link.next(socket, "reject"))["code"], "invalid")
                await socket.send('{"type":"query","id":3,"name":"count"}')
                self.assertEqual(await link.next(socket, "answer"), {"type": "answer", "id": 3, "rev": 1, "data": 1})
                await socket.send('{"type":"ping","t":"t"}')
                self.assertEqual((await link.next(socket, "pong"))["t"], "t")
                await socket.send('{"type":"leave"}')
                self.assertEqual((await end(socket))[1], 1000)

    async def test_a_cut_and_a_crash(self):
        link, conn = Link(), secrets.token_urlsafe(24)
        async with connect("py-cut", "wired", conn=conn, headers=bearer()) as socket:
            await link.next(socket, "welcome")
            await please("say py-cut a")
            await link.next(socket, "event")
            await please("cut")
            await end(socket)
        await please("say py-cut b")
        await please("say py-cut c")
        await please("mend")
        async with connect("py-cut", "wired", conn=conn, cursor=link.cursor, headers=bearer()) as socket:
            self.assertTrue((await link.next(socket, "welcome"))["resumed"])
            for i in range(1, 11):
                await socket.send(say(i, f"own {i}"))
            while (await link.next(socket, "ack"))["id"] < 2:
                pass
            await please("kill")
            try:
                while True:
                    await link.next(socket, "ack")  # what was on its way
            except ConnectionClosed:
                pass
        async with connect("py-cut", conn=conn, cursor=link.cursor, headers=bearer()) as socket:
            welcome = await link.next(socket, "welcome")
            self.assertEqual((welcome["resumed"], welcome["known"], welcome["acked"] >= 2), (True, True, True))
            for i in range(1, 11):
                await socket.send(say(i, f"own {i}"))
            while (await link.next(socket, "ack"))["id"] < 10:
                pass
        self.assertEqual(link.texts, ["a", "b", "c"] + [f"own {i}" for i in range(1, 11)])

    async def test_cursors_that_cannot_be_resumed(self):
        await please("say py-stale a")
        link = Link()
        async with connect("py-stale", headers=bearer()) as socket:
            await link.next(socket, "welcome")
        for cursor in ["-:0", "other:1", f"{link.epoch}:2", f"{link.epoch}:{2**53 - 1}"]:
            async with connect("py-stale", cursor=cursor, headers=bearer()) as socket:
                welcome = await Link().next(socket, "welcome")
                self.assertEqual((welcome["resumed"], welcome["rev"], welcome["state"]["count"]), (False, 1, 1), cursor)

    async def refused(self, *args, **options):
        with self.assertRaises(InvalidStatusCode) as refusal:
            async with connect(*args, **options):
                pass
        return refusal.exception.status_code

    async def test_refusals(self):
        conn = secrets.token_urlsafe(24)
        async with connect("py-refused", conn=conn, headers=bearer("other")) as socket:
            await Link().next(socket, "welcome")
            for _ in range(2):  # the same connection may come back with its ticket
                async with connect("py-refused", conn=conn[::-1], ticket=given["tickets"][2]) as bound:
                    await Link().next(bound, "welcome")
            for want, options in [
                (400, dict(conn="short", headers=bearer())),
                (400, dict(cursor=f"x:{2**53}", headers=bearer())),
                (401, dict()),
                (401, dict(headers=bearer("forged"))),
                (401, dict(protocols=["tutti.v1", "ticket.forged"])),
                (401, dict(ticket=given["tickets"][2])),  # another connection's
                (403, dict(conn=conn, headers=bearer())),
                (403, dict(headers={**bearer(), "Origin": "https://elsewhere.example"})),
                (426, dict(headers=bearer(), protocols=["tutti.v2"])),
            ]:
                self.assertEqual(await self.refused("py-refused", **options), want, options)

    async def test_ends(self):
        for what, want in [
            ("{", ("bad_frame", 4400, False)),
            ('{"type":"welcome"}', ("bad_frame", 4400, False)),
            ("[" * 600 + "]" * 600, ("bad_frame", 4400, False)),
            (b"{}", ("bad_frame", 1003, False)),
            (" " * ((1 << 20) + 1), ("frame_too_large", 4413, False)),
        ]:
            async with connect("py-ends", headers=bearer()) as socket:
                await Link().next(socket, "welcome")
                await socket.send(what)
                self.assertEqual(await end(socket), want, what[:20])
        async with connect("vault", headers=bearer()) as socket:
            self.assertEqual(await end(socket), ("closed", 4403, False))
        conn = secrets.token_urlsafe(24)
        async with connect("py-ends", conn=conn, headers=bearer()) as socket:
            await Link().next(socket, "welcome")
            async with connect("py-ends", conn=conn, headers=bearer()) as newer:
                self.assertEqual(await end(socket), ("replaced", 4409, False))
                await Link().next(newer, "welcome")


unittest.main(argv=["clients.py", "-v"])
