//! One delivery of each sort, for whoever wants to see whether a webhook understands them all.

use parlor_testkit::whatsapp::{Customer, Envelope, FakeWhatsapp, Message, Number, Status, sample};

/// The beginning of a film and of a sticker: enough for those who look at the first bytes.
const VIDEO: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
const STICKER: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";

/// What some of the messages are about: messages that nobody sent.
const AGENTS: &str = "wamid.OF-AN-AGENT";
const OWN: &str = "wamid.OF-THE-CUSTOMER";

/// Every kind of message and of status, with a name for each. A delivery holds one, as some webhooks read no more.
pub fn everything(graph: &FakeWhatsapp, number: &Number, customer: &Customer) -> Vec<(&'static str, Envelope)> {
    let messages = words(customer, number)
        .into_iter()
        .chain(files(graph, customer))
        .chain(choices(customer, number))
        .chain(things(customer))
        .chain(changes(customer));
    let messages = messages.map(|(name, message)| (name, Envelope::from(message.number(number))));
    let statuses = statuses().into_iter().map(|(name, status)| {
        let envelope = Envelope::from(status.to(customer).number(number));
        // Since customers have user ids, the platform says here, too, who they are.
        (name, envelope.contacts(vec![customer.contact()]))
    });
    messages.chain(statuses).collect()
}

fn words(customer: &Customer, number: &Number) -> Vec<(&'static str, Message)> {
    let hidden = Customer::hidden("DE.8812345678901235").name("Omar").username("omar.q");
    vec![
        ("text", customer.text("Is the blue one in stock? ½ 🙂 </b>\nOr \"another\"?")),
        ("reply", customer.text("Yes please").number(number).reply_to(AGENTS)),
        ("forwarded", customer.text("Look at this").forwarded()),
        ("forwarded often", customer.text("Everybody looks at this").frequently_forwarded()),
        (
            "about a product",
            customer
                .text("How high is it?")
                .number(number)
                .reply_to(AGENTS)
                .about_product("550000000000001", "chair-blue"),
        ),
        ("from an ad", customer.text("I saw your ad").from_ad("Blue chairs")),
        ("from a hidden number", hidden.text("Hello from a hidden number")),
    ]
}

fn files(graph: &FakeWhatsapp, customer: &Customer) -> Vec<(&'static str, Message)> {
    let voice = graph.media("audio/ogg; codecs=opus", sample::VOICE);
    let document = graph.media("text/plain", sample::DOCUMENT);
    vec![
        ("image", customer.image(&graph.media("image/png", sample::IMAGE)).caption("the dent")),
        ("video", customer.video(&graph.media("video/mp4", VIDEO)).caption("how it wobbles")),
        ("audio", customer.audio(&graph.media("audio/ogg", sample::VOICE))),
        ("voice", customer.voice(&voice)),
        ("document", customer.document(&document, "offer A-17.txt").caption("your offer")),
        ("sticker", customer.sticker(&graph.media("image/webp", STICKER))),
    ]
}

fn choices(customer: &Customer, number: &Number) -> Vec<(&'static str, Message)> {
    let reply = |message: Message| message.number(number).reply_to(AGENTS);
    vec![
        ("button reply", reply(customer.button_reply("hold", "Yes please"))),
        ("list reply", reply(customer.list_reply("blue", "Blue", "three left"))),
        ("form reply", reply(customer.form_reply(r#"{"flow_token":"f-1","size":"XL"}"#))),
        ("template button", reply(customer.button("Track it", "track A-17"))),
    ]
}

fn things(customer: &Customer) -> Vec<(&'static str, Message)> {
    let place = customer
        .location(52.52, 13.405)
        .with("name", "Example Shop")
        .with("address", "Example Street 1");
    vec![
        ("location", place),
        (
            "contacts",
            customer.contacts(&[("Ada Example", "+15550002222"), ("Bo Example", "+15550003333")]),
        ),
        ("order", customer.order(&[("chair-blue", 2, 49.5, "EUR"), ("table", 1, 120.0, "EUR")])),
        ("unsupported", customer.unsupported()),
        ("unknown", customer.unknown_kind()),
    ]
}

fn changes(customer: &Customer) -> Vec<(&'static str, Message)> {
    // Somebody else, or the customer at the keyboard would have another number from now on.
    let other = Customer::new("491700000002").user_id("DE.8812345678901236").name("Rui");
    vec![
        ("reaction", customer.reaction(AGENTS, "👍")),
        ("no reaction", customer.no_reaction(AGENTS)),
        ("edit", customer.edit(OWN, "Is the green one in stock?")),
        ("revoke", customer.revoke(OWN)),
        ("changed number", other.changed_number("491700000003")),
        ("changed user id", other.changed_user_id("DE.8812345678901237")),
    ]
}

fn statuses() -> Vec<(&'static str, Status)> {
    vec![
        ("sent", Status::sent(AGENTS).opaque("message 17")),
        ("delivered", Status::delivered(AGENTS)),
        ("read", Status::read(AGENTS)),
        ("played", Status::new(AGENTS, "played")),
        ("failed", Status::failed("wamid.NEVER-ARRIVED", 131_026)),
    ]
}
