//! From the bytes of an answer to its pieces, in all the dialects that servers speak.

use super::events::{Event, EventReader};
use super::tools::ToolCalls;
use parlor_domain::assistant::{FinishReason, ModelEvent, ModelFailure};
use serde_json::Value;
use std::collections::VecDeque;

/// The most bytes of an answer, thoughts and all.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The most characters of text.
const MOST_CHARACTERS: usize = 32_000;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How an answer is written.
#[derive(Debug)]
enum Form {
    /// Not known before the first byte that is not blank: some answer with one document although a stream was asked for, under
    /// whatever content type.
    Unknown(Vec<u8>),
    Events(EventReader),
    Document(Vec<u8>),
}

/// Takes bytes and gives pieces. Knows nothing of connections and time.
#[derive(Debug)]
pub(super) struct Reader {
    form: Form,
    bytes: usize,
    characters: usize,
    text: String,
    calls: ToolCalls,
    usage: Option<ModelEvent>,
    answered: bool,
    finish: Option<FinishReason>,
    pieces: VecDeque<Result<ModelEvent, ModelFailure>>,
    over: bool,
    cut_off: bool,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            form: Form::Unknown(Vec::new()),
            bytes: 0,
            characters: 0,
            text: String::new(),
            calls: ToolCalls::default(),
            usage: None,
            answered: false,
            finish: None,
            pieces: VecDeque::new(),
            over: false,
            cut_off: false,
        }
    }

    /// The next piece that is ready.
    pub(super) fn pop(&mut self) -> Option<Result<ModelEvent, ModelFailure>> {
        self.pieces.pop_front()
    }

    /// The failure that is next, if it is one.
    pub(super) fn failure(&self) -> Option<ModelFailure> {
        self.pieces.front().and_then(|piece| piece.as_ref().err().copied())
    }

    /// Whether there is something to take, or nothing more to come.
    pub(super) fn is_ready(&self) -> bool {
        self.over || !self.pieces.is_empty()
    }

    /// Whether nothing more comes.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the connection ended before the answer.
    pub(super) const fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// Whether the server has said how the answer ended.
    pub(super) const fn has_finish(&self) -> bool {
        self.finish.is_some()
    }

    /// Takes what came over the network; says whether some of the answer was in it, be it empty. All its text becomes one piece.
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        if self.over {
            return false;
        }
        self.bytes += bytes.len();
        if self.bytes > MOST_BYTES {
            self.finish(FinishReason::Length);
            return true;
        }
        let mut events = Vec::new();
        let read = match &mut self.form {
            Form::Unknown(head) => {
                head.extend_from_slice(bytes);
                let Some(form) = recognise(head) else {
                    return false;
                };
                let head = std::mem::replace(&mut self.form, form);
                let Form::Unknown(head) = head else { return false };
                self.bytes -= head.len();
                return self.take(head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head));
            }
            Form::Document(document) => {
                document.extend_from_slice(bytes);
                return true;
            }
            Form::Events(reader) => reader.take(bytes, &mut events),
        };
        let heard = !events.is_empty();
        for event in events {
            self.event(event);
        }
        if read.is_err() {
            self.fail(ModelFailure::BrokeOff);
        }
        self.flush();
        heard
    }

    /// The connection has ended, well or not.
    pub(super) fn end(&mut self) {
        match std::mem::replace(&mut self.form, Form::Unknown(Vec::new())) {
            Form::Document(document) => match serde_json::from_slice(&document) {
                Ok(document) => {
                    if let Err(failure) = self.chunk(&document) {
                        self.fail(failure);
                    } else if self.answered {
                        self.finish(FinishReason::Complete);
                    } else {
                        self.fail(ModelFailure::BrokeOff);
                    }
                }
                Err(error) => self.cut_off = error.is_eof(),
            },
            Form::Events(mut reader) => {
                let mut events = Vec::new();
                reader.end(&mut events);
                // What is no JSON here is the beginning of what would have been.
                events.retain(|event| !matches!(event, Event::Data(data) if serde_json::from_slice::<Value>(data).is_err()));
                for event in events {
                    self.event(event);
                }
                self.cut_off = !self.over && self.finish.is_none();
            }
            Form::Unknown(_) => self.cut_off = !self.over,
        }
        self.give_up(ModelFailure::BrokeOff);
    }

    /// Nothing more is waited for: the answer is whole if the server said so.
    pub(super) fn give_up(&mut self, failure: ModelFailure) {
        if self.finish.is_some() {
            self.finish(FinishReason::Complete);
        } else {
            self.fail(failure);
        }
    }

    fn event(&mut self, event: Event) {
        if self.over {
            return;
        }
        match event {
            Event::Done => self.finish(FinishReason::Complete),
            Event::Data(data) => {
                let read = serde_json::from_slice(&data).map_err(|_| ModelFailure::BrokeOff);
                if let Err(failure) = read.and_then(|chunk| self.chunk(&chunk)) {
                    self.fail(failure);
                }
            }
        }
    }

    /// One chunk of a stream, or the whole document. Unknown keys, and known ones of another type, say nothing.
    fn chunk(&mut self, chunk: &Value) -> Result<(), ModelFailure> {
        let Some(fields) = chunk.as_object() else {
            return Err(ModelFailure::BrokeOff);
        };
        // Of what is inside nobody agrees: an object, a string, codes of any type.
        if fields.get("error").is_some_and(|error| !error.is_null()) || fields.get("object").and_then(Value::as_str) == Some("error") {
            return Err(ModelFailure::BrokeOff);
        }
        if let Some(usage) = fields.get("usage") {
            let count = |key| usage.get(key).and_then(Value::as_u64);
            if let (Some(input), Some(output)) = (count("prompt_tokens"), count("completion_tokens")) {
                self.usage = Some(ModelEvent::Usage { input, output });
            }
        }
        let choices = fields.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            if choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0 {
                self.choice(choice);
            }
        }
        Ok(())
    }

    fn choice(&mut self, choice: &Value) {
        self.answered = true;
        // Thoughts (`reasoning`, `reasoning_content`) are in other keys and stay there.
        if let Some(said) = choice.get("delta").or_else(|| choice.get("message")) {
            if let Some(calls) = said.get("tool_calls") {
                self.calls.add(calls);
            }
            if let Some(text) = said.get("content").and_then(Value::as_str) {
                self.say(text);
            }
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str).filter(|_| !self.over) {
            self.finish = Some(match reason {
                "length" => FinishReason::Length,
                "content_filter" => FinishReason::Filtered,
                _ => FinishReason::Complete,
            });
        }
    }

    fn say(&mut self, text: &str) {
        for char in text.chars().filter(|char| *char != '\0') {
            if self.characters == MOST_CHARACTERS {
                self.finish = None;
                return self.finish(FinishReason::Length);
            }
            self.characters += 1;
            self.text.push(char);
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push_back(Ok(ModelEvent::Text(std::mem::take(&mut self.text))));
        }
    }

    /// Ends the answer well: as the server said, or else for `reason`.
    fn finish(&mut self, reason: FinishReason) {
        if self.over {
            return;
        }
        self.over = true;
        self.flush();
        self.pieces.extend(self.calls.handover().map(Ok));
        self.pieces.extend(self.usage.take().map(Ok));
        self.pieces.push_back(Ok(ModelEvent::Finished(self.finish.unwrap_or(reason))));
    }

    fn fail(&mut self, failure: ModelFailure) {
        if self.over {
            return;
        }
        self.over = true;
        self.flush();
        self.pieces.push_back(Err(failure));
    }
}

/// Which form begins like this, if that can be told.
fn recognise(head: &[u8]) -> Option<Form> {
    if BYTE_ORDER_MARK.starts_with(head) && head != BYTE_ORDER_MARK {
        return None;
    }
    match head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start().first()? {
        b'{' => Some(Form::Document(Vec::new())),
        _ => Some(Form::Events(EventReader::default())),
    }
}
