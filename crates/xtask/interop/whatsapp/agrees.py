"""An agent of Parlor says to a customer what pywa says, and at the API it looks the same."""

import os

import httpx

from sends import ASKED, BUTTONS, NAMES, OFFER, PICTURE, ROWS, pywa_says, recorded
from stand_in import NUMBER, StandIn, until

URL, LISTEN = os.environ["PARLOR_URL"], os.environ["WHATSAPP_LISTEN"]
TEMPLATES = [
    {"name": "order_ready", "language": "de", "text": "Ihre Bestellung {{1}} ist fertig."},
    {"name": "hello_world", "language": "en_US", "text": "Hello World"},
]

# What Parlor writes otherwise than pywa does, and why it may.
ALLOWED = {
    ("list", "interactive.action.sections.0.title"): "pywa demands a title of every section, the platform only if there are several",
    ("template", "template.components.0.type"): "pywa writes BODY; body is how the platform's own documents have it, which takes both",
    "biz_opaque_callback_data": "Parlor names its message there, so that statuses find it",
}


class Agent:
    def __init__(self):
        self.http = httpx.Client(base_url=URL, timeout=20, trust_env=False)
        account = {"username": os.environ["PARLOR_USERNAME"], "password": os.environ["PARLOR_PASSWORD"]}
        self.http.headers["Authorization"] = "Bearer " + self.ask("POST", "/api/admin/auth/login/", json=account)["access"]

    def ask(self, method, path, **request):
        answer = self.http.request(method, path, **request)
        assert answer.is_success, f"{method} {path} was answered {answer.status_code}: {answer.text}"
        return answer.json()

    def knows_templates(self):
        channel = next(channel for channel in self.ask("GET", "/api/admin/channels/")["results"] if channel["whatsapp"])
        assert channel["whatsapp"]["mode"] == "live", f"the channel is {channel}"
        self.ask("PATCH", f"/api/admin/channels/{channel['id']}/", json={"whatsapp": {"templates": TEMPLATES}})

    def meets(self, name):
        """The conversation with this customer, who has asked something."""
        with_name = lambda: [it for it in self.ask("GET", "/api/live-chat/conversations")["conversations"] if it["customer_name"] == name]
        self.live = until(with_name, f"the conversation with {name}")[0]
        assert self.live["unread_count"] == 1 and self.live["phone_number_id"] == NUMBER, f"the conversation is {self.live}"
        rooms = self.ask("GET", "/api/admin/chat-rooms/")["results"]
        self.id = next(room["id"] for room in rooms if room["whatsapp"]["number"] == self.live["id"])
        self.room = f"/api/admin/chat-rooms/{self.id}/"
        self.question = self.messages()[0]
        assert self.question["text"] == ASKED, f"the question is {self.question}"

    def messages(self):
        return self.ask("GET", self.room + "messages/")["results"]

    def live_send(self, **message):
        destination = {"conversation_id": self.live["id"], "phone_number_id": NUMBER}
        self.ask("POST", "/api/live-chat/send-message", json=destination | message)

    def send(self, **message):
        self.ask("POST", self.room + "send_message/", json=message)

    def send_file(self, caption, name, mime, content):
        file = self.ask("POST", "/api/attachments/", data={"conversation_id": self.id}, files={"file": (name, content, mime)})
        self.send(message=caption, attachment_ids=[file["id"]])

    def react(self, emoji):
        self.ask("POST", f"{self.room}messages/{self.question['id']}/reaction/", json={"emoji": emoji})

    def reads(self):
        """Whoever looks at the live chat has read it."""
        messages = self.ask("GET", "/api/live-chat/messages", params={"conversation_id": self.live["id"]})["messages"]
        assert [message["whatsapp_message_id"] for message in messages if message["sender"] == "customer"] == [self.question["whatsapp_message_id"]]

    def deeds(self):
        """The same as `say_everything`, in the same order."""
        buttons = [{"id": id, "title": title} for id, title in BUTTONS]
        rows = [{"id": id, "title": title, "description": description} for id, title, description in ROWS]
        return {
            "read mark": self.reads,
            "text": lambda: self.live_send(message="Yes, three are left. ½ 🙂 https://shop.example.com/chairs"),
            "reply": lambda: self.send(message="The blue one, that is.", reply_to=self.question["id"]),
            "image": lambda: self.send_file("size chart", "size-chart.png", "image/png", PICTURE),
            "document": lambda: self.send_file("our offer", "offer.pdf", "application/pdf", OFFER),
            "buttons": lambda: self.send(message="Shall we hold one for you?", type="interactive", payload={"buttons": buttons}),
            "list": lambda: self.send(message="Which colour?", type="interactive", payload={"button": "Choose", "rows": rows}),
            "template": lambda: self.live_send(
                message_type="template", template={"name": "order_ready", "language": "de", "parameters": ["A-17"]}
            ),
            "template without places": lambda: self.send(type="template", payload={"name": "hello_world", "language": "en_US"}),
            "reaction": lambda: self.react("👍"),
            "no reaction": lambda: self.react(""),
        }


def parlor_says(agent, name, *options):
    """All that an agent says to a customer who asked something, as it arrived."""
    with StandIn(URL + "/api/channels/whatsapp/webhook", "--say", ASKED, "--name", name, "--reads", *options, listen=LISTEN) as stand_in:
        agent.meets(name)
        deeds = agent.deeds()
        assert tuple(deeds) == NAMES, f"{NAMES} would be right"
        said = lambda: [call for call in stand_in.calls() if call["endpoint"] in ("send", "mark_read")]
        for count, (deed, do) in enumerate(deeds.items(), 1):
            do()
            until(lambda: len(said()) == count, f"the request for {deed}")
        # What becomes of them comes back to the agent.
        until(lambda: all_read(agent.messages()), "the mark that the customer has read everything")
        return recorded(stand_in.calls(), agent.question["whatsapp_message_id"])


def all_read(messages):
    ours = [message for message in messages if message["sender"]["kind"] == "agent"]
    # Marks and reactions are no messages.
    assert len(ours) == len(NAMES) - 3, f"{len(ours)} messages are of the agent"
    assert not any(message["status"] == "failed" for message in ours), f"one of {ours} failed"
    return all(message["status"] == "read" and message["whatsapp_message_id"] for message in ours)


def differences(ours, theirs, place=""):
    """Where two values differ: the place, what is here and what is there. Absent is `None`: the API takes both for the same."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from differences(ours.get(key), theirs.get(key), f"{place}.{key}" if place else key)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{place}.{number}")
    elif ours != theirs:
        yield place, ours, theirs


def agree(agent, name, *options):
    theirs = pywa_says("--name", name, *options)
    ours = parlor_says(agent, name, *options)
    findings, met = [], set()
    for kind in NAMES:
        found = {place: pair for place, *pair in differences(ours[kind], theirs[kind])}
        for place, (here, there) in found.items():
            allowed = place if place in ALLOWED else (kind, place)
            met.add(allowed)
            if allowed not in ALLOWED:
                findings.append(f"{kind}: {place} is {here!r} of Parlor and {there!r} of pywa")
    unmet = [reason for place, reason in ALLOWED.items() if place not in met]
    assert not findings, "\n".join(findings)
    assert not unmet, f"not so any more: {unmet}"
    print(f"Parlor and pywa agree about {len(NAMES)} requests to {name}")


if __name__ == "__main__":
    agent = Agent()
    agent.knows_templates()
    agree(agent, "Nadia P.")
    agree(agent, "Omar Q.", "--hidden", "--user-id", "DE.8812345678901238")
    print("what differs, and why:", *ALLOWED.values(), sep="\n  ")
