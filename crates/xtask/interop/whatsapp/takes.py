"""pywa's web server takes every kind of delivery that the stand-in makes: it finds it rightly signed and reads what it should."""

import base64
import hashlib
import operator
import warnings

from pywa import types
from stand_in import ACCOUNT, NUMBER, Pywa, until

NADIA = {"from_user.name": "Nadia P.", "from_user.wa_id": "491700000001", "from_user.bsuid": "DE.8812345678901234", "from_user.username": None}
AGENTS, OWN = "wamid.OF-AN-AGENT", "wamid.OF-THE-CUSTOMER"
REPLY = {"reply_to_message.id": AGENTS, "reply_to_message.from_user_id": "15550001111"}


def message(kind, content, customer=NADIA):
    return types.Message, {"type": kind, "metadata.phone_number_id": NUMBER, "waba_id": ACCOUNT} | customer | content


def status(word, content):
    expected = {"id": AGENTS, "status": word, "from_user.wa_id": NADIA["from_user.wa_id"], "from_user.bsuid": NADIA["from_user.bsuid"]}
    return types.MessageStatus, expected | content


FREE = {"pricing.billable": False, "pricing.model": "PMP", "pricing.type": "free_customer_service", "pricing.category": "service"}

# What pywa makes of each delivery: a type, and values that are found in it.
EXPECTED = {
    "text": message("text", {"text": 'Is the blue one in stock? ½ 🙂 </b>\nOr "another"?', "is_reply": False, "forwarded": False}),
    "reply": message("text", {"text": "Yes please"} | REPLY),
    "forwarded": message("text", {"forwarded": True, "forwarded_many_times": False}),
    "forwarded often": message("text", {"forwarded": True, "forwarded_many_times": True}),
    "about a product": message(
        "text", {"reply_to_message.referred_product.sku": "chair-blue", "reply_to_message.referred_product.catalog_id": "550000000000001"} | REPLY
    ),
    "from an ad": message("text", {"referral.headline": "Blue chairs", "referral.source_type": "ad", "referral.source_url": "https://example.com/ad"}),
    "from a hidden number": message(
        "text",
        {"text": "Hello from a hidden number"},
        {"from_user.wa_id": None, "from_user.bsuid": "DE.8812345678901235", "from_user.username": "omar.q", "from_user.name": "Omar"},
    ),
    "image": message("image", {"image.mime_type": "image/png", "caption": "the dent"}),
    "video": message("video", {"video.mime_type": "video/mp4", "caption": "how it wobbles"}),
    "audio": message("audio", {"audio.mime_type": "audio/ogg", "audio.voice": False, "voice": None}),
    "voice": message("audio", {"audio.mime_type": "audio/ogg; codecs=opus", "voice.voice": True}),
    "document": message("document", {"document.mime_type": "text/plain", "document.filename": "offer A-17.txt", "caption": "your offer"}),
    "sticker": message("sticker", {"sticker.mime_type": "image/webp", "sticker.animated": False}),
    "button reply": (types.CallbackButton, NADIA | REPLY | {"data": "hold", "title": "Yes please", "is_quick_reply": False}),
    "list reply": (types.CallbackSelection, NADIA | REPLY | {"data": "blue", "title": "Blue", "description": "three left"}),
    "form reply": (types.FlowCompletion, NADIA | REPLY | {"token": "f-1", "response": {"size": "XL"}, "body": "Sent"}),
    "template button": (types.CallbackButton, NADIA | REPLY | {"data": "track A-17", "title": "Track it", "is_quick_reply": True}),
    "location": message(
        "location",
        {"location.latitude": 52.52, "location.longitude": 13.405, "location.name": "Example Shop", "location.address": "Example Street 1"},
    ),
    "contacts": message("contacts", {"contacts.first.name.formatted_name": "Ada Example", "contacts.first.phones": ["+15550002222"]}),
    "order": message("order", {"order.catalog_id": "550000000000001", "order.total_price": 219.0, "order.products": ["chair-blue", "table"]}),
    "unsupported": message("unsupported", {"unsupported.type": "poll", "error.code": 131051}),
    "unknown": message("unknown", {}),
    "reaction": message("reaction", {"reaction.emoji": "👍", "reaction.message_id": AGENTS}),
    "no reaction": message("reaction", {"reaction.emoji": None, "reaction.is_removed": True, "reaction.message_id": AGENTS}),
    "edit": (types.EditedMessage, NADIA | {"message.id": OWN, "message.text": "Is the green one in stock?"}),
    "revoke": (types.DeletedMessage, NADIA | {"original_message_id": OWN}),
    "changed number": (types.PhoneNumberChange, {"sys_type": "user_changed_number", "old_wa_id": "491700000002", "new_wa_id": "491700000003"}),
    "changed user id": (
        types.PhoneNumberChange,
        {"sys_type": "user_changed_user_id", "old_wa_id": "491700000002", "new_wa_id": None, "new_user_id": "DE.8812345678901237"},
    ),
    "sent": status("sent", FREE | {"tracker": "message 17", "conversation.category": "service"}),
    "delivered": status("delivered", FREE | {"tracker": None}),
    "read": status("read", FREE | {"error": None}),
    "played": status("played", {"error": None}),
    "failed": status("failed", {"id": "wamid.NEVER-ARRIVED", "error.code": 131026, "error.message": "Message undeliverable"}),
}

# Lists are compared by what stands out in their elements.
ELEMENT = {"order.products": "sku", "contacts.first.phones": "phone"}


def number_of(update):
    """The place of an update among those that were delivered: messages have ids that count up, statuses come after them."""
    value = update.raw["entry"][0]["changes"][0]["value"]
    if "statuses" in value:
        return (1, ["sent", "delivered", "read", "played", "failed"].index(value["statuses"][0]["status"]))
    return (0, int(value["messages"][0]["id"].removeprefix("wamid.EXAMPLE")))


def wrong(update, expected):
    """What is not as it should be, in words."""
    kind, values = expected
    if type(update) is not kind:
        yield f"is a {type(update).__name__} and no {kind.__name__}"
        return
    for place, value in values.items():
        try:
            found = operator.attrgetter(place)(update)
        except AttributeError as error:
            found = error
        if place in ELEMENT:
            found = [getattr(element, ELEMENT[place]) for element in found]
        if found != value:
            yield f"has {place} = {found!r} and not {value!r}"


def wrong_file(pywa, update):
    """A file can be fetched by its id, and its hash is the one that was told twice."""
    there = update.media.get_bytes()
    digest = hashlib.sha256(there)
    if not there:
        yield "has a file with nothing in it"
    if base64.b64decode(update.media.sha256) != digest.digest():
        yield f"has a file of another hash than {update.media.sha256}"
    known = pywa.client.get_media_url(update.media.id)
    if (known.sha256, known.file_size, known.mime_type) != (digest.hexdigest(), len(there), update.media.mime_type):
        yield f"has a file that is something else than {known}"


def take():
    pywa = Pywa()
    with warnings.catch_warnings(), pywa.meets("--deliver-all") as stand_in:
        # Of the kind that nobody knows yet.
        warnings.filterwarnings("ignore", "Unknown MessageType value: 'hologram'")
        everything = lambda: len(stand_in.delivered) == len(pywa.raw) == len(EXPECTED)
        until(lambda: stand_in.ended() or everything(), f"{len(EXPECTED)} deliveries")
        assert stand_in.delivered == list(EXPECTED), f"delivered were {stand_in.delivered}"
        assert not pywa.complaints.texts, "pywa complains: " + "\n".join(pywa.complaints.texts)
        updates = sorted(pywa.updates, key=number_of)
        assert len(updates) == len(EXPECTED), f"of {len(EXPECTED)} deliveries {len(updates)} became updates"
        findings = []
        for (name, expected), update in zip(EXPECTED.items(), updates):
            found = list(wrong(update, expected))
            if not found and getattr(update, "media", None):
                found = list(wrong_file(pywa, update))
            print(f"{'  ' if not found else '! '}{name}: {type(update).__name__}")
            findings += [f"{name} {finding}" for finding in found]
        assert not findings, "\n".join(findings)
    print(f"pywa understood {len(EXPECTED)} deliveries")


if __name__ == "__main__":
    take()
