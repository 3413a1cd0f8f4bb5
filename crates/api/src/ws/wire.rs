//! Frames as bytes: RFC 6455 without extensions.
//!
//! A server's frames carry no mask, so the same bytes serve every connection: a frame is written once and shared. What
//! clients send is read here and not by actix-ws, whose reader keeps a frame of any announced length in memory before
//! it looks at the length.

use super::close::Close;
use bytes::{Buf, Bytes, BytesMut};

/// The most bytes of one message of a client, in one frame or in all its fragments.
pub const MAX_MESSAGE: usize = 64 * 1024;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const MAX_CONTROL: usize = 125;

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A text.
    Text(String),
    /// So many bytes, which nobody wants.
    Binary(usize),
    /// A protocol ping, to be answered with the same bytes.
    Ping(Bytes),
    /// The answer to a protocol ping, and how long it is.
    Pong(usize),
    /// A part of a message that is not yet whole. Its bytes come with the last part.
    Fragment,
    /// The client closes.
    Close,
}

/// What each frame costs besides its bytes: an empty one is work, too.
const FRAME_COST: usize = 256;

impl Incoming {
    /// What it costs of the bytes that a client may send.
    #[must_use]
    pub fn cost(&self) -> usize {
        let bytes = match self {
            Self::Text(text) => text.len(),
            Self::Ping(bytes) => bytes.len(),
            Self::Binary(length) | Self::Pong(length) => *length,
            Self::Fragment | Self::Close => 0,
        };
        FRAME_COST + bytes
    }
}

/// A text as a frame.
#[must_use]
pub fn text(payload: &[u8]) -> Bytes {
    frame(TEXT, &[payload])
}

/// A text as a frame, its first character apart from the rest: what follows may be shared.
#[must_use]
pub fn prefixed_text(first: u8, rest: &[u8]) -> Bytes {
    frame(TEXT, &[&[first], rest])
}

/// A protocol ping.
#[must_use]
pub fn ping() -> Bytes {
    frame(PING, &[])
}

/// The answer to a protocol ping.
#[must_use]
pub fn pong(payload: &[u8]) -> Bytes {
    frame(PONG, &[payload])
}

/// The last frame.
#[must_use]
pub fn close(close: Close) -> Bytes {
    let mut payload = close.code().to_be_bytes().to_vec();
    payload.extend_from_slice(close.reason().as_bytes());
    frame(CLOSE, &[&payload])
}

fn frame(opcode: u8, payload: &[&[u8]]) -> Bytes {
    let total: usize = payload.iter().map(|part| part.len()).sum();
    let mut bytes = BytesMut::with_capacity(total + 10);
    match (u8::try_from(total), u16::try_from(total)) {
        (Ok(length @ 0..=125), _) => bytes.extend_from_slice(&[FIN | opcode, length]),
        (_, Ok(length)) => {
            bytes.extend_from_slice(&[FIN | opcode, 126]);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            bytes.extend_from_slice(&[FIN | opcode, 127]);
            bytes.extend_from_slice(&(total as u64).to_be_bytes());
        }
    }
    payload.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes.freeze()
}

/// The head of a client's frame.
struct Head {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    length: usize,
}

/// Takes bytes as they come and gives messages.
pub struct Reader {
    max_message: usize,
    waiting: BytesMut,
    /// A message whose last fragment has not come, and whether it is a text.
    begun: Option<(bool, BytesMut)>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::up_to(MAX_MESSAGE)
    }
}

impl Reader {
    /// Takes messages of so many bytes at most.
    #[must_use]
    pub fn up_to(max_message: usize) -> Self {
        Self {
            max_message,
            waiting: BytesMut::new(),
            begun: None,
        }
    }

    /// Takes bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// What the next frame brings; `None` until more bytes come.
    ///
    /// # Errors
    /// How to close: the client broke the rules.
    pub fn next(&mut self) -> Result<Option<Incoming>, Close> {
        let Some((head, head_length)) = read_head(&self.waiting, self.max_message)? else {
            return Ok(None);
        };
        let begun = self.begun.as_ref().map_or(0, |(_, bytes)| bytes.len());
        if head.length + if head.opcode >= CLOSE { 0 } else { begun } > self.max_message {
            return Err(Close::TooLarge);
        }
        if self.waiting.len() < head_length + head.length {
            return Ok(None);
        }
        self.waiting.advance(head_length);
        let mut payload = self.waiting.split_to(head.length);
        for (byte, mask) in payload.iter_mut().zip(head.mask.iter().cycle()) {
            *byte ^= mask;
        }
        self.take(&head, payload).map(Some)
    }

    fn take(&mut self, head: &Head, payload: BytesMut) -> Result<Incoming, Close> {
        match (head.opcode, self.begun.take()) {
            (PING, begun) => {
                self.begun = begun;
                Ok(Incoming::Ping(payload.freeze()))
            }
            (PONG, begun) => {
                self.begun = begun;
                Ok(Incoming::Pong(payload.len()))
            }
            (CLOSE, _) => Ok(Incoming::Close),
            (TEXT | BINARY, None) if head.fin => whole(head.opcode == TEXT, &payload),
            (TEXT | BINARY, None) => {
                self.begun = Some((head.opcode == TEXT, payload));
                Ok(Incoming::Fragment)
            }
            (CONTINUATION, Some((is_text, mut bytes))) => {
                bytes.extend_from_slice(&payload);
                if head.fin {
                    return whole(is_text, &bytes);
                }
                self.begun = Some((is_text, bytes));
                Ok(Incoming::Fragment)
            }
            _ => Err(Close::BadFraming),
        }
    }
}

fn whole(is_text: bool, payload: &[u8]) -> Result<Incoming, Close> {
    if !is_text {
        return Ok(Incoming::Binary(payload.len()));
    }
    std::str::from_utf8(payload)
        .map(|text| Incoming::Text(text.to_owned()))
        .map_err(|_| Close::BadText)
}

/// The head at the beginning of the bytes and its length, once it is there.
fn read_head(bytes: &[u8], max_message: usize) -> Result<Option<(Head, usize)>, Close> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (fin, opcode) = (first & FIN != 0, first & 0x0F);
    let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
    // RFC 6455, 5.1: a client's frames are masked.
    if first & RESERVED != 0 || !known || second & MASKED == 0 {
        return Err(Close::BadFraming);
    }
    let (length, rest, length_bytes) = match (second & !MASKED, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, 2),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest, 8),
        (126 | 127, _) => return Ok(None),
        (length, rest) => (u64::from(length), rest, 0),
    };
    let length = usize::try_from(length).map_err(|_| Close::TooLarge)?;
    if length > max_message {
        return Err(Close::TooLarge);
    }
    if opcode >= CLOSE && (length > MAX_CONTROL || !fin) {
        return Err(Close::BadFraming);
    }
    let [a, b, c, d, ..] = rest else { return Ok(None) };
    Ok(Some((
        Head {
            fin,
            opcode,
            mask: [*a, *b, *c, *d],
            length,
        },
        2 + length_bytes + 4,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client writes it.
    fn sent(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 99, 200, 1];
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(MASKED | length as u8),
            length @ 126..=0xFFFF => {
                bytes.push(MASKED | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(MASKED | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Incoming>, Close> {
        let mut reader = Reader::default();
        reader.push(bytes);
        let mut messages = Vec::new();
        while let Some(message) = reader.next()? {
            messages.push(message);
        }
        Ok(messages)
    }

    #[test]
    fn texts_of_all_lengths_arrive_also_byte_by_byte() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let text = "x".repeat(length);
            let bytes = sent(FIN | TEXT, text.as_bytes());
            assert_eq!(read(&bytes), Ok(vec![Incoming::Text(text.clone())]));
            if length < 1_000 {
                let mut reader = Reader::default();
                let mut got = Vec::new();
                for byte in &bytes {
                    reader.push(&[*byte]);
                    got.extend(reader.next().unwrap());
                }
                assert_eq!(got, vec![Incoming::Text(text)]);
            }
        }
    }

    #[test]
    fn fragments_are_put_together_and_control_frames_may_come_between() {
        let bytes = [
            sent(TEXT, b"Hel"),
            sent(FIN | PING, b"p"),
            sent(CONTINUATION, b"l"),
            sent(FIN | CONTINUATION, b"o"),
            sent(FIN | CLOSE, &[]),
        ]
        .concat();
        let ping = Incoming::Ping(Bytes::from_static(b"p"));
        let text = Incoming::Text("Hello".to_owned());
        assert_eq!(read(&bytes), Ok(vec![Incoming::Fragment, ping, Incoming::Fragment, text, Incoming::Close]));
    }

    #[test]
    fn too_many_bytes_are_refused_as_soon_as_they_are_announced() {
        assert_eq!(read(&[FIN | TEXT, MASKED | 127, 0, 0, 0, 0, 0, 1, 0, 1]), Err(Close::TooLarge));
        assert_eq!(read(&[FIN | TEXT, MASKED | 127, 255, 255, 255, 255, 255, 255, 255, 255]), Err(Close::TooLarge));
        let mut roomy = Reader::up_to(MAX_MESSAGE + 1);
        roomy.push(&sent(FIN | TEXT, &vec![b'x'; MAX_MESSAGE + 1]));
        assert!(matches!(roomy.next(), Ok(Some(Incoming::Text(_)))), "another door, another limit");
        let half = vec![b'x'; 40_000];
        assert_eq!(read(&[sent(TEXT, &half), sent(FIN | CONTINUATION, &half)].concat()), Err(Close::TooLarge));
    }

    #[test]
    fn every_frame_costs_something_and_each_byte_counts_once() {
        let bytes = [
            sent(TEXT, b"Hel"),
            sent(FIN | PING, b"p"),
            sent(CONTINUATION, &[]),
            sent(FIN | CONTINUATION, b"lo"),
            sent(FIN | PONG, &[]),
        ]
        .concat();
        let costs: Vec<_> = read(&bytes).unwrap().iter().map(Incoming::cost).collect();
        assert_eq!(costs, [0, 1, 0, 5, 0].map(|length| FRAME_COST + length));
    }

    #[test]
    fn broken_framing_is_refused() {
        let unmasked = [FIN | TEXT, 1, b'x'];
        let reserved = sent(FIN | 0x40 | TEXT, b"x");
        let unknown = sent(FIN | 0x3, b"x");
        let long_ping = sent(FIN | PING, &[0; 126]);
        let cut_ping = sent(PING, b"x");
        let nothing_begun = sent(FIN | CONTINUATION, b"x");
        let begun_twice = [sent(TEXT, b"x"), sent(FIN | TEXT, b"y")].concat();
        for bytes in [&unmasked[..], &reserved, &unknown, &long_ping, &cut_ping, &nothing_begun, &begun_twice] {
            assert_eq!(read(bytes), Err(Close::BadFraming), "{bytes:?}");
        }
        assert_eq!(read(&sent(FIN | TEXT, &[0xFF, 0xFE])), Err(Close::BadText));
        assert_eq!(read(&sent(FIN | BINARY, &[0xFF])), Ok(vec![Incoming::Binary(1)]));
    }

    #[test]
    fn what_the_server_writes_has_the_shortest_length() {
        assert_eq!(&text(b"hi")[..], [0x81, 2, b'h', b'i']);
        assert_eq!(prefixed_text(b'h', b"i"), text(b"hi"));
        assert_eq!(text(&[b'x'; 126])[..4], [0x81, 126, 0, 126]);
        assert_eq!(text(&[b'x'; 65_536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(close(Close::TooLarge)[..4], [0x88, 2 + Close::TooLarge.reason().len() as u8, 0x03, 0xF1]);
    }
}
