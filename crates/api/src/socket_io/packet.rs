//! Socket.IO packets, revision 5: what is spoken inside of Engine.IO messages.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The namespace that everybody means who names none.
pub const MAIN: &str = "/";

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    /// It wants to be connected to a namespace.
    Connect {
        /// To which.
        namespace: String,
        /// What it brings to log in.
        auth: Option<Value>,
    },
    /// It leaves a namespace.
    Disconnect {
        /// Which.
        namespace: String,
    },
    /// It tells something.
    Event {
        /// Where.
        namespace: String,
        /// With this it waits for an acknowledgement.
        id: Option<u64>,
        /// What kind of event.
        name: String,
        /// What it says.
        args: Vec<Value>,
    },
    /// It acknowledges an event of ours.
    Ack {
        /// Where.
        namespace: String,
        /// Which event.
        id: u64,
        /// What it says.
        args: Vec<Value>,
    },
    /// An event or acknowledgement with bytes in it, which nobody kept.
    Binary {
        /// Where.
        namespace: String,
        /// Of an event: with this it waits for an acknowledgement.
        id: Option<u64>,
        /// Of an event: its name.
        name: Option<String>,
    },
    /// An event or acknowledgement whose payload cannot be read: JavaScript, for one, writes half an emoji as an escape that no
    /// string here can hold.
    Unreadable {
        /// Where.
        namespace: String,
        /// Of an event: with this it waits for an acknowledgement.
        id: Option<u64>,
    },
}

/// What is no packet: whoever sends it is not spoken to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPacket(pub &'static str);

/// What an Engine.IO message brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A packet, or the part of it that is text.
    Text(String),
    /// So many bytes that belong to the packet before.
    Binary(usize),
}

impl Message {
    /// How long it is.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(length) => *length,
        }
    }
}

/// The most attachments that one packet may announce.
const MAX_ATTACHMENTS: usize = 64;

/// Puts packets together whose attachments come behind them.
#[derive(Debug, Default)]
pub struct Decoder {
    /// A packet, and how many of its attachments have not come.
    incomplete: Option<(Packet, usize)>,
}

impl Decoder {
    /// Takes a message; `None` while attachments are missing.
    ///
    /// # Errors
    /// It is no packet, or not the next one.
    pub fn take(&mut self, message: &Message) -> Result<Option<Packet>, BadPacket> {
        let (packet, missing) = match (message, self.incomplete.take()) {
            (Message::Text(text), None) => decode(text)?,
            (Message::Binary(_), Some((packet, missing))) => (packet, missing - 1),
            (Message::Text(_), Some(_)) => return Err(BadPacket("an attachment was expected")),
            (Message::Binary(_), None) => return Err(BadPacket("no attachment was expected")),
        };
        if missing == 0 {
            return Ok(Some(packet));
        }
        self.incomplete = Some((packet, missing));
        Ok(None)
    }
}

/// Takes the digits at the beginning.
fn number(text: &str) -> Result<(Option<u64>, &str), BadPacket> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    let number = digits.parse().map_err(|_| BadPacket("a number is too large"))?;
    Ok((Some(number), rest))
}

/// A packet's text and how many attachments follow it.
fn decode(text: &str) -> Result<(Packet, usize), BadPacket> {
    let kind = text.chars().next().filter(char::is_ascii).ok_or(BadPacket("a packet begins with its type"))?;
    let mut rest = text.get(1..).unwrap_or_default();
    let mut attachments = 0;
    if matches!(kind, '5' | '6') {
        let (count, after) = number(rest)?;
        let count = count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= MAX_ATTACHMENTS);
        attachments = count.ok_or(BadPacket("the number of attachments is missing or too large"))?;
        rest = after.strip_prefix('-').ok_or(BadPacket("a number of attachments ends with a dash"))?;
    }
    let (namespace, rest) = match rest {
        named if named.starts_with('/') => named.split_once(',').unwrap_or((named, "")),
        unnamed => (MAIN, unnamed),
    };
    let namespace = namespace.to_owned();
    let (id, data) = number(rest)?;
    let packet = match kind {
        '0' => Packet::Connect { namespace, auth: auth(data)? },
        '1' if data.is_empty() => Packet::Disconnect { namespace },
        '2' | '5' => match list(data)?.map(named).transpose()? {
            None => Packet::Unreadable { namespace, id },
            Some((name, args)) if kind == '2' => Packet::Event { namespace, id, name, args },
            Some((name, _)) => Packet::Binary {
                namespace,
                id,
                name: Some(name),
            },
        },
        '3' => {
            let id = id.ok_or(BadPacket("an acknowledgement has an id"))?;
            match list(data)? {
                None => Packet::Unreadable { namespace, id: None },
                Some(args) => Packet::Ack { namespace, id, args },
            }
        }
        '6' => match list(data)? {
            None => Packet::Unreadable { namespace, id: None },
            Some(_) => Packet::Binary {
                namespace,
                id: None,
                name: None,
            },
        },
        _ => return Err(BadPacket("no client sends such a packet")),
    };
    Ok((packet, attachments))
}

fn auth(data: &str) -> Result<Option<Value>, BadPacket> {
    if data.is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(data) {
        Ok(auth @ Value::Object(_)) => Ok(Some(auth)),
        _ => Err(BadPacket("the payload of CONNECT is an object")),
    }
}

/// The payload of an event or acknowledgement; `None` if it begins as it should and cannot be read.
fn list(data: &str) -> Result<Option<Vec<Value>>, BadPacket> {
    match serde_json::from_str(data) {
        Ok(list) => Ok(Some(list)),
        Err(_) if data.starts_with('[') => Ok(None),
        Err(_) => Err(BadPacket("the payload is an array")),
    }
}

/// The name that an event's payload begins with, and the rest.
fn named(list: Vec<Value>) -> Result<(String, Vec<Value>), BadPacket> {
    let mut items = list.into_iter();
    match items.next() {
        Some(Value::String(name)) => Ok((name, items.collect())),
        _ => Err(BadPacket("the payload of an event begins with its name")),
    }
}

fn encode(kind: char, namespace: &str, id: Option<u64>, data: &str) -> Bytes {
    let namespace = match namespace {
        MAIN => String::new(),
        // Without the comma a client could not tell where the name ends.
        other => format!("{other},"),
    };
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    Bytes::from(format!("{kind}{namespace}{id}{data}"))
}

/// The client is connected, and its connection to the namespace has this name.
#[must_use]
pub fn connected(namespace: &str, sid: &str) -> Bytes {
    encode('0', namespace, None, &json!({ "sid": sid }).to_string())
}

/// The client is not connected, and why.
#[must_use]
pub fn connect_error(namespace: &str, message: &str, data: Option<Value>) -> Bytes {
    let mut error = json!({ "message": message });
    if let (Some(data), Some(error)) = (data, error.as_object_mut()) {
        error.insert("data".to_owned(), data);
    }
    encode('4', namespace, None, &error.to_string())
}

/// An event of the main namespace with one argument.
#[must_use]
pub fn event(name: &str, payload: &RawValue) -> Bytes {
    encode('2', MAIN, None, &format!("[{},{payload}]", Value::from(name)))
}

/// The acknowledgement of an event, with one argument.
#[must_use]
pub fn ack(namespace: &str, id: u64, payload: &RawValue) -> Bytes {
    encode('3', namespace, Some(id), &format!("[{payload}]"))
}

/// The server ends the connection to a namespace.
#[must_use]
pub fn disconnect(namespace: &str) -> Bytes {
    encode('1', namespace, None, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Option<Packet>, BadPacket> {
        Decoder::default().take(&Message::Text(text.to_owned()))
    }

    fn packet(text: &str) -> Packet {
        one(text).unwrap().unwrap()
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn clients_connect_and_disconnect() {
        let connect = |namespace: &str, auth| Packet::Connect {
            namespace: namespace.to_owned(),
            auth,
        };
        let token = || Some(json!({"token": "123"}));
        assert_eq!(packet("0"), connect("/", None));
        assert_eq!(packet(r#"0{"token":"123"}"#), connect("/", token()));
        assert_eq!(packet("0/custom"), connect("/custom", None));
        assert_eq!(packet("0/custom,"), connect("/custom", None));
        assert_eq!(packet(r#"0/custom,{"token":"123"}"#), connect("/custom", token()));
        let disconnect = |namespace: &str| Packet::Disconnect {
            namespace: namespace.to_owned(),
        };
        assert_eq!(packet("1"), disconnect("/"));
        assert_eq!(packet("1/custom,"), disconnect("/custom"));
    }

    #[test]
    fn clients_tell_and_acknowledge() {
        let event = |namespace: &str, id, args| Packet::Event {
            namespace: namespace.to_owned(),
            id,
            name: "foo".to_owned(),
            args,
        };
        assert_eq!(packet(r#"2["foo"]"#), event("/", None, vec![]));
        assert_eq!(
            packet(r#"2["foo",1,"2",{"3":[true]}]"#),
            event("/", None, vec![json!(1), json!("2"), json!({"3": [true]})])
        );
        assert_eq!(packet(r#"212["foo"]"#), event("/", Some(12), vec![]));
        assert_eq!(packet(r#"2/admin,456["foo","a,b"]"#), event("/admin", Some(456), vec![json!("a,b")]));
        let ack = Packet::Ack {
            namespace: "/".to_owned(),
            id: 7,
            args: vec![],
        };
        assert_eq!(packet("37[]"), ack);
    }

    #[test]
    fn bytes_are_taken_with_the_packet_that_they_belong_to() {
        let mut decoder = Decoder::default();
        let mut take = |message: Message| decoder.take(&message);
        let text = r#"52-9["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        assert_eq!(take(Message::Text(text.to_owned())), Ok(None));
        assert_eq!(take(Message::Binary(4)), Ok(None));
        let binary = |id, name: Option<&str>| Packet::Binary {
            namespace: "/".to_owned(),
            id,
            name: name.map(str::to_owned),
        };
        assert_eq!(take(Message::Binary(0)), Ok(Some(binary(Some(9), Some("baz")))));
        assert_eq!(take(Message::Binary(4)), Err(BadPacket("no attachment was expected")));
        assert_eq!(one(r#"50-["baz"]"#), Ok(Some(binary(None, Some("baz")))));
        assert_eq!(take(Message::Text(r#"61-15["bar",{"_placeholder":true,"num":0}]"#.to_owned())), Ok(None));
        assert_eq!(take(Message::Binary(1)), Ok(Some(binary(None, None))));
        assert_eq!(take(Message::Text(r#"51-["baz"]"#.to_owned())), Ok(None));
        assert!(take(Message::Text("2[\"foo\"]".to_owned())).is_err(), "an attachment was announced");
    }

    #[test]
    fn a_payload_that_cannot_be_read_is_told_with_what_it_belongs_to() {
        let unreadable = |namespace: &str, id| Packet::Unreadable {
            namespace: namespace.to_owned(),
            id,
        };
        assert_eq!(packet(r#"27["foo","half an emoji: \ud83d"]"#), unreadable("/", Some(7)));
        assert_eq!(packet(r#"2/admin,["foo",1e999]"#), unreadable("/admin", None));
        assert_eq!(packet(r#"2["foo""#), unreadable("/", None));
        assert_eq!(packet(&format!("21{}", "[".repeat(1000))), unreadable("/", Some(1)), "too deep");
        assert_eq!(packet(r#"37["\ud83d"]"#), unreadable("/", None), "an acknowledgement is not acknowledged");
        assert_eq!(packet(r#"60-7["\ud83d"]"#), unreadable("/", None));

        let mut decoder = Decoder::default();
        let text = r#"51-9["\ud83d",{"_placeholder":true,"num":0}]"#;
        assert_eq!(decoder.take(&Message::Text(text.to_owned())), Ok(None));
        assert_eq!(decoder.take(&Message::Binary(4)), Ok(Some(unreadable("/", Some(9)))), "its bytes belong to it");
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let bad = [
            "",
            "a",
            "abc",
            "\u{e9}",
            "7",
            "4{\"message\":\"x\"}",
            "0[]",
            "0x",
            "0{",
            "1x",
            "2",
            "2{}",
            "2[]",
            "2[1]",
            "2/admin",
            "3[]",
            "3",
            "37{}",
            "5[\"foo\"]",
            "5-[\"foo\"]",
            "599999-[\"foo\"]",
            "51[\"foo\"]",
            "299999999999999999999[\"foo\"]",
        ];
        for text in bad {
            assert!(one(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_server_says_is_written_as_clients_read_it() {
        assert_eq!(&connected(MAIN, "n1")[..], br#"0{"sid":"n1"}"#);
        assert_eq!(&connect_error("/x", "Invalid namespace", None)[..], br#"4/x,{"message":"Invalid namespace"}"#);
        let refused = connect_error(MAIN, "unauthorized", Some(json!({"code": "unauthenticated"})));
        let error: Value = serde_json::from_slice(&refused[1..]).unwrap();
        assert_eq!(
            (refused[0], error),
            (b'4', json!({"message": "unauthorized", "data": {"code": "unauthenticated"}}))
        );
        assert_eq!(&event("a:b", &raw(r#"{"x":1}"#))[..], br#"2["a:b",{"x":1}]"#);
        assert_eq!(&ack(MAIN, 7, &raw(r#"{"ok":true}"#))[..], br#"37[{"ok":true}]"#);
        assert_eq!(&ack("/x", 7, &raw("null"))[..], br#"3/x,7[null]"#);
        assert_eq!((&disconnect(MAIN)[..], &disconnect("/x")[..]), (&b"1"[..], &b"1/x,"[..]));
    }
}
