"""pywa says to a customer all that an agent can say, and the stand-in takes it."""

from pywa.types import Button, Section, SectionList, SectionRow
from pywa.types.templates import BodyText, TemplateLanguage

from stand_in import SAMPLES, Pywa, until

ASKED = "Is the blue one in stock?"
PICTURE = (SAMPLES / "image.png").read_bytes()
OFFER = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
BUTTONS = [("hold", "Yes please"), ("no", "No")]
ROWS = [("blue", "Blue", "three left"), ("green", "Green", None)]


def say_everything(pywa, to, asked):
    """Each kind once. `asked` is the id of the customer's message."""
    pywa.mark_message_as_read(asked)
    pywa.send_message(to, "Yes, three are left. ½ 🙂 https://shop.example.com/chairs")
    pywa.send_message(to, "The blue one, that is.", reply_to_message_id=asked)
    pywa.send_image(to, pywa.upload_media(PICTURE, "image/png", "size-chart.png"), caption="size chart")
    pywa.send_document(to, pywa.upload_media(OFFER, "application/pdf", "offer.pdf"), filename="offer.pdf", caption="our offer")
    pywa.send_message(to, "Shall we hold one for you?", buttons=[Button(title, id) for id, title in BUTTONS])
    rows = [SectionRow(title, id, description) for id, title, description in ROWS]
    pywa.send_message(to, "Which colour?", buttons=SectionList("Choose", [Section("Colours", rows)]))
    pywa.send_template(to, "order_ready", TemplateLanguage.GERMAN, [BodyText.params("A-17")])
    pywa.send_template(to, "hello_world", TemplateLanguage.ENGLISH_US)
    pywa.send_reaction(to, "👍", asked)
    pywa.remove_reaction(to, asked)


NAMES = ("read mark", "text", "reply", "image", "document", "buttons", "list", "template", "template without places", "reaction", "no reaction")


def recorded(calls, asked):
    """What was asked of the API, in order, without what differs from run to run."""
    files, messages = {}, []
    for call in calls:
        if call["endpoint"] == "upload":
            upload = call["upload"]
            files[upload["media_id"]] = {key: upload[key] for key in ("mime_type", "file_name", "size", "sha256")}
        elif call["endpoint"] in ("send", "mark_read"):
            messages.append({"method": call["method"], "path": call["path"], "content_type": call["content_type"], **call["body"]})
        else:
            continue
        assert call["error"] is None, f"{call} was refused"
    assert len(messages) == len(NAMES), f"{len(messages)} requests are not {len(NAMES)}"
    return dict(zip(NAMES, (normal(message, files, asked) for message in messages)))


def normal(value, files, asked):
    """Ids of files become the files themselves, that of the customer's message becomes a word for it."""
    if isinstance(value, dict):
        return {key: normal(part, files, asked) for key, part in value.items()}
    if isinstance(value, list):
        return [normal(part, files, asked) for part in value]
    if isinstance(value, str):
        return "<what the customer asked>" if value == asked else files.get(value, value)
    return value


def pywa_says(*options):
    """All that pywa says to a customer who asked something, as it arrived."""
    # The statuses that follow come without `contacts`, which is allowed, and which pywa complains of.
    pywa = Pywa(log_level="critical")
    with pywa.meets("--say", ASKED, *options) as stand_in:
        question = until(lambda: pywa.updates, "the customer's message")[0]
        say_everything(pywa.client, question.from_user.wa_id or question.from_user.bsuid, question.id)
        # Each file is uploaded before its message.
        calls = until(lambda: len(stand_in.calls()) >= len(NAMES) + 2 and stand_in.calls(), "the record of all requests")
        return recorded(calls, question.id)


if __name__ == "__main__":
    for options in [(), ("--hidden",)]:
        for name in pywa_says(*options):
            print(f"  {name}: taken", *options)
