"""A customer and a seller write to each other through python-socketio, over lines that are cut twenty times. In the end both have everything once."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
import traceback
import uuid

import aiohttp
import socketio

URL = os.environ["PARLOR_URL"]
SECRET = os.environ["PARLOR_HOST_JWT_SECRET"].encode()
ROUNDS = 20
NEW, SUBSCRIBE, SEND = "conversation:new-message", "conversation:subscribe", "conversation:message"


class Line:
    """The line between a client and the server, so that it can be cut."""

    @classmethod
    async def to_the_server(cls):
        line = cls()
        line.calls, line.up_at = set(), 0
        line.server = await asyncio.start_server(line.call, "127.0.0.1", 0)
        line.url = "http://127.0.0.1:%d" % line.server.sockets[0].getsockname()[1]
        return line

    async def call(self, reader, writer):
        if time.monotonic() < self.up_at:
            return writer.transport.abort()
        host, port = URL.removeprefix("http://").split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        self.calls |= {writer, far_writer}
        await asyncio.gather(self.pass_on(reader, far_writer), self.pass_on(far_reader, writer))
        self.calls -= {writer, far_writer}

    @staticmethod
    async def pass_on(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    def cut(self):
        """Every TCP connection ends; for a moment there is no new one."""
        self.up_at = time.monotonic() + 0.03
        for writer in self.calls:
            writer.transport.abort()


class Person:
    """One side, with one client that keeps what it says until it is acknowledged and catches up after each break."""

    def __init__(self, role, name):
        self.role, self.name, self.sub = role, name, str(uuid.uuid4())
        self.email = f"{name}.{self.sub[:8]}@example.com".lower()
        self.sender = "seller" if role == "seller" else "user"
        self.messages = {}
        # The `rev` of the last event taken; to where a resume goes; the highest one that did not follow on.
        self.place = self.head = self.missed = 0
        self.connections = self.repeated = self.holes = 0
        self.catching_up = None

    def token(self):
        claims = {"sub": self.sub, "email": self.email, "name": self.name, "role": self.role, "exp": int(time.time()) + 3600}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        signature = hmac.new(SECRET, b".".join(parts), hashlib.sha256).digest()
        return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()

    async def expect(self, status, method, path, body=None, patience=5):
        async with aiohttp.request(method, URL + path, json=body, headers={"Authorization": f"Bearer {self.token()}"}) as answer:
            said = await answer.text()
            if answer.status == 503 and patience:
                await asyncio.sleep(int(answer.headers["Retry-After"]))  # As a busy server asks.
                return await self.expect(status, method, path, body, patience - 1)
            assert answer.status == status, f"{method} {path} was answered {answer.status}: {said}"
            return json.loads(said)

    async def connect(self, conversation, line, **options):
        self.conversation = conversation
        self.client = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)
        self.client.on("connect", self.come_back)
        self.client.on("*", self.hear)
        await self.client.connect(line.url, auth={"token": self.token()}, **options)

    async def come_back(self):
        self.connections += 1
        self.head = 0
        if self.catching_up:
            self.catching_up.cancel()
        self.catching_up = asyncio.create_task(self.catch_up())

    async def catch_up(self):
        """Until nothing is missing: an answer to a poll may be lost without an end of the connection."""
        while True:
            self.missed, answered = 0, asyncio.Event()

            def take(reply):
                assert reply["ok"] and reply["data"]["result"] == "ok", reply
                self.head = reply["data"]["headRev"]
                answered.set()

            try:
                await self.client.emit(SUBSCRIBE, {"conversationId": self.conversation, "afterRev": self.place}, callback=take)
                await asyncio.wait_for(answered.wait(), 2)
                if self.missed <= self.head:
                    return
            except (socketio.exceptions.SocketIOError, asyncio.TimeoutError):
                await asyncio.sleep(0.02)

    def hear(self, name, event):
        rev, message = event.get("rev"), event.get("message")
        if rev is None or rev <= self.place:
            return
        if rev != self.place + 1 and rev > self.head:
            self.missed = max(self.missed, rev)
            self.holes += 1
            if self.catching_up.done():
                self.catching_up = asyncio.create_task(self.catch_up())
            return
        self.place = rev
        assert event["conversationId"] == self.conversation, event
        if name != NEW:
            return
        assert message["messageId"] not in self.messages, f"{message['text']} comes a second time"
        self.messages[message["messageId"]] = message

    def transcript(self):
        return [[message[name] for name in ("seq", "messageId", "id", "text", "sender")] for message in self.messages.values()]

    async def say(self, n):
        message = {"id": number(), "sender": self.sender, "text": f"{self.sender} {n}", "timestamp": "2026-11-20T09:00:00.000Z", "isRead": False, "type": "text"}
        while True:
            try:
                reply = await self.client.call(SEND, {"conversationId": self.conversation, "message": message}, timeout=1)
            except (socketio.exceptions.SocketIOError, asyncio.TimeoutError):
                await asyncio.sleep(0.02)
                continue
            if not reply["ok"] and reply["error"]["retryable"]:
                continue
            assert reply["ok"] and reply["data"]["id"] == message["id"], reply
            self.repeated += reply["data"]["duplicate"]
            return


async def main():
    customer, seller = Person("customer", "Nadia"), Person("seller", "Mia")
    conversation = f"conv_{uuid.uuid4()}"
    first = {"id": number(), "sender": "user", "text": "Is it still available?", "timestamp": "2026-11-20T09:00:00.000Z", "isRead": False, "type": "text"}
    listing = {"sellerId": seller.email, "vehicleId": 4711, "vehicleName": "VW Golf 1.4 TSI", "vehiclePrice": 18900}
    await customer.expect(201, "POST", "/api/conversations", {"id": conversation, "customerId": customer.email, **listing, "messages": [first]})
    await turn_away_strangers()

    lines = [await Line.to_the_server() for _ in range(2)]
    await customer.connect(conversation, lines[0])
    await seller.connect(conversation, lines[1], transports=["polling"])
    await until(lambda: customer.client.transport() == "websocket", "the upgrade")
    assert seller.client.transport() == "polling"
    reply = await customer.client.call("conversation:nonsense", {}, timeout=5)
    assert reply["error"]["code"] == "unknown_event", reply

    people, speaking = (customer, seller), True

    async def speak(person):
        said = 0
        while speaking:
            said += 1
            await person.say(said)
            await asyncio.sleep(0.02)
        return said

    speakers = [asyncio.create_task(speak(person)) for person in people]
    for turn in range(ROUNDS):
        person, line = people[turn % 2], lines[turn % 2]
        before = person.connections
        # At once, so that it is polling still, or later, when it is over a WebSocket.
        await asyncio.sleep(0 if turn % 4 < 2 else 0.15)
        for _ in range(5):
            line.cut()
            # A poll that was cut may be asked again by itself, and nothing ends. Then once more.
            if await within(3, lambda: person.connections > before):
                break
        assert person.connections > before, f"{person.name} does not come back, round {turn}"
    speaking = False
    said = await asyncio.gather(*speakers)

    total = sum(said) + 1
    await until(lambda: all(len(person.messages) == total for person in people), lambda: f"{[len(person.messages) for person in people]} of {total} are there")
    seqs = [[message["seq"] for message in person.messages.values()] for person in people]
    assert seqs == [list(range(1, total + 1))] * 2, "each message comes once, in the order of the server"
    assert customer.transcript() == seller.transcript(), "both see the same"
    for person, count in zip(people, said):
        own = [message["text"] for message in person.messages.values() if message["text"].startswith(person.sender)]
        assert own == [f"{person.sender} {n + 1}" for n in range(count)], "all that was said, as it was said"
        (loaded,) = await person.expect(200, "GET", "/api/conversations")
        assert [message["messageId"] for message in loaded["messages"]] == list(person.messages)[-100:], "and so after a refresh"
        await person.client.disconnect()
    repeated, holes = (sum(getattr(person, name) for person in people) for name in ("repeated", "holes"))
    print(f"- {ROUNDS} broken connections: {total} messages, each once and in order on both sides, {repeated} sent again and stored once, {holes} holes seen and filled")


async def turn_away_strangers():
    for transports in (["polling"], ["websocket"]):
        client, refused = socketio.AsyncClient(reconnection=False), []
        client.on("connect_error", refused.append)
        try:
            await client.connect(URL, auth={"token": "nonsense"}, transports=transports)
            raise AssertionError("a stranger was let in")
        except socketio.exceptions.ConnectionError:
            assert refused == [{"message": "unauthorized", "data": {"code": "unauthenticated"}}], refused
            await client.disconnect()


def number(made=[time.time_ns() // 1_000_000]):
    made[0] += 1
    return made[0]


async def within(seconds, condition):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        await asyncio.sleep(0.01)
    return found


async def until(condition, what):
    assert await within(30, condition), f"waited in vain: {what() if callable(what) else what}"


def stop(loop, context):
    """A finding in an event handler counts as everywhere. That connections end badly is what this is about."""
    if isinstance(context.get("exception"), AssertionError):
        traceback.print_exception(context["exception"])
        os._exit(1)


async def guarded():
    asyncio.get_running_loop().set_exception_handler(stop)
    await asyncio.wait_for(main(), 100)


asyncio.run(guarded())
