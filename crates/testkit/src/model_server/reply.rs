//! What the model server says.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Something that a reply waits for, until the test opens it.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A closed one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a gate is made to be opened by name")]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.close();
    }

    pub(crate) async fn passed(&self) {
        let _ = self.0.acquire().await;
    }
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Bytes(Vec<u8>),
    Wait(Duration),
    Gate(Gate),
}

/// How a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As HTTP has it; the connection may be used again.
    Whole,
    /// In the middle.
    Cut,
}

/// What a server says to one request.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) head: String,
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

impl Reply {
    /// Nothing yet, under a status and a content type.
    #[must_use]
    pub fn new(status: u16, content_type: &str) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\n"),
            steps: Vec::new(),
            end: End::Whole,
        }
    }

    /// The beginning of a stream.
    #[must_use]
    pub fn stream() -> Self {
        Self::new(200, "text/event-stream")
    }

    /// A whole answer in three pieces, as most servers stream it.
    #[must_use]
    pub fn says(text: &str) -> Self {
        let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(place, _)| place);
        let (one, other) = text.split_at(half);
        Self::stream().text(one).text(other).finish("stop").done()
    }

    /// JSON under a status.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json").bytes(body.to_string())
    }

    /// A page of a proxy.
    #[must_use]
    pub fn page(status: u16) -> Self {
        Self::new(status, "text/html").bytes(format!("<html><head><title>{status}</title></head>\n<body><h1>{status}</h1></body></html>\n"))
    }

    /// An error as servers give it.
    #[must_use]
    pub fn error(status: u16) -> Self {
        Self::json(status, &json!({"error": {"message": "No.", "type": "error", "code": null}}))
    }

    /// The connection is closed without a word.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            head: String::new(),
            steps: Vec::new(),
            end: End::Cut,
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Then these bytes, in one chunk.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Bytes(bytes.into()));
        self
    }

    /// Then an event with this JSON.
    #[must_use]
    pub fn event(self, data: &Value) -> Self {
        self.bytes(format!("data: {data}\n\n"))
    }

    /// Then a chunk with this delta.
    #[must_use]
    pub fn delta(self, delta: &Value) -> Self {
        self.event(&json!({"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
    }

    /// Then some text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.delta(&json!({"content": text}))
    }

    /// Then the reason of the end.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        self.event(&json!({"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
    }

    /// Then `[DONE]`.
    #[must_use]
    pub fn done(self) -> Self {
        self.bytes("data: [DONE]\n\n")
    }

    /// Then a pause.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.steps.push(Step::Wait(time));
        self
    }

    /// Then a pause until the gate is open. Before the first bytes, the head waits, too.
    #[must_use]
    pub fn gate(mut self, gate: &Gate) -> Self {
        self.steps.push(Step::Gate(gate.clone()));
        self
    }

    /// Then nothing until the other side gives up.
    #[must_use]
    pub fn forever(self) -> Self {
        self.gate(&Gate::new())
    }

    /// Then the connection dies, before the reply's end.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }
}
