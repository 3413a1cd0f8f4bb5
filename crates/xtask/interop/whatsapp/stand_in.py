"""The stand-in for the WhatsApp API as a program beside this one, and pywa at both of its ends: as its client and as its webhook."""

import json
import logging
import os
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import httpx
from pywa import WhatsApp, handlers

PROGRAM = os.environ["FAKE_WHATSAPP"]
# As Parlor is told them.
NUMBER, ACCOUNT, ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN = (
    os.environ["PARLOR_WHATSAPP_" + name] for name in ("PHONE_NUMBER_ID", "WABA_ID", "ACCESS_TOKEN", "APP_SECRET", "VERIFY_TOKEN")
)
SAMPLES = Path(__file__).resolve().parents[3] / "testkit/src/whatsapp/sample"
PATIENCE = 20


def until(come, what):
    """Waits for something, which is returned."""
    started = time.monotonic()
    while not (it := come()):
        if time.monotonic() - started > PATIENCE:
            raise TimeoutError(f"{what} did not come within {PATIENCE} s")
        time.sleep(0.02)
    return it


class StandIn:
    """The program. It ends with its input, so it never outlives this one."""

    def __init__(self, webhook, *options, listen="127.0.0.1:0"):
        self.folder = tempfile.TemporaryDirectory()
        self.record = Path(self.folder.name) / "calls.jsonl"
        command = [PROGRAM, "--listen", listen, "--webhook", webhook, "--record", str(self.record)]
        command += ["--phone-number-id", NUMBER, "--waba-id", ACCOUNT, "--token", ACCESS_TOKEN]
        command += ["--app-secret", APP_SECRET, "--verify-token", VERIFY_TOKEN, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url, self.delivered, self.lines = None, [], []
        threading.Thread(target=self.listen, daemon=True).start()
        until(lambda: self.ended() or self.url, "the stand-in's address")
        if self.ended():
            raise RuntimeError("the stand-in did not start")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.folder.cleanup()
            if kind:
                print("the stand-in said:", *self.lines, sep="\n  ")

    def listen(self):
        for line in self.process.stdout:
            line = line.rstrip()
            self.lines.append(line)
            if "PARLOR_WHATSAPP_GRAPH_BASE_URL=" in line:
                self.url = line.split("=", 1)[1]
            elif line.startswith("you: ["):
                self.delivered.append(line.removeprefix("you: [").removesuffix("]"))

    def ended(self):
        return self.process.poll() is not None

    def calls(self):
        """What it was asked so far."""
        return [json.loads(line) for line in self.record.read_text().splitlines()]


class Rerouted(httpx.HTTPTransport):
    """A way to Meta's servers that ends at the stand-in."""

    url = None

    def handle_request(self, request):
        there = httpx.URL(self.url)
        request.url = request.url.copy_with(scheme=there.scheme, host=there.host, port=there.port)
        request.headers["Host"] = there.netloc.decode()
        return super().handle_request(request)


class Complaints(logging.Handler):
    """What pywa warns of: it does not fail when it cannot read an update, it says so in its log."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def emit(self, record):
        self.texts.append(self.format(record))


class Pywa:
    """pywa: its own web server, which checks what comes and takes it apart, and its client of the API."""

    HANDLERS = (
        handlers.MessageHandler,
        handlers.MessageStatusHandler,
        handlers.CallbackButtonHandler,
        handlers.CallbackSelectionHandler,
        handlers.FlowCompletionHandler,
        handlers.PhoneNumberChangeHandler,
        handlers.EditedMessageHandler,
        handlers.DeletedMessageHandler,
    )

    def __init__(self, log_level="warning"):
        self.updates, self.raw, self.complaints, self.way = [], [], Complaints(), Rerouted()
        # It knows no other address than Meta's, so its HTTP client is told another way there.
        session = httpx.Client(mounts={"https://graph.facebook.com": self.way}, trust_env=False)
        own = {"waba_id": ACCOUNT, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}
        self.client = WhatsApp(NUMBER, ACCESS_TOKEN, session=session, api_version=26.0, **own)
        for handler in self.HANDLERS:
            self.client.add_handlers(handler(lambda _, update: self.updates.append(update)))
        self.client.add_handlers(handlers.RawUpdateHandler(lambda _, update: self.raw.append(update)))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        threading.Thread(target=self.client.run, kwargs={"port": self.port, "log_level": log_level}, daemon=True).start()
        logging.getLogger("pywa").addHandler(self.complaints)

    def meets(self, *options):
        """A stand-in whose webhook it is, and whose client."""
        stand_in = StandIn(f"http://127.0.0.1:{self.port}/", *options)
        self.way.url = stand_in.url
        return stand_in
