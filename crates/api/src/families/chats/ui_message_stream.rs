//! Answers as the AI SDK's UI message stream, version 1: server-sent events without names, each a JSON object with a `type`.

use super::follow::{Follower, Found, LiveReader, News, has_end};
use crate::families::shared::HandledByWord;
use crate::state::AppState;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use parlor_domain::assistant::{AnswerPart, FinishReason, LiveAnswer, Source};
use parlor_domain::conversation::HandledBy;
use parlor_domain::id::MessageId;
use parlor_domain::message::Message;
use serde::Serialize;
use std::fmt::Write;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Proxies close what is silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// There is one text in an answer.
const TEXT: &str = "t0";
/// What a reader is told when the model fails: nothing of the inside.
const BROKE_OFF: &str = "The answer broke off. A person will take over.";

/// A chunk. A type that the SDK does not know makes it give up the whole stream; own ones begin with `data-`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Chunk<'a> {
    Start {
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<Uuid>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_metadata: Option<Asked>,
    },
    TextStart {
        id: &'a str,
    },
    TextDelta {
        id: &'a str,
        delta: &'a str,
    },
    TextEnd {
        id: &'a str,
    },
    SourceUrl {
        source_id: &'a str,
        url: &'a str,
        title: &'a str,
    },
    #[serde(rename = "data-parlor-handover")]
    Handover {
        data: Handled,
        transient: bool,
    },
    #[serde(rename = "data-parlor-status")]
    Status {
        data: Handled,
        transient: bool,
    },
    Error {
        error_text: &'a str,
    },
    Abort {
        reason: &'a str,
    },
    Finish {
        finish_reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_metadata: Option<Facts>,
    },
}

/// The question that is answered.
#[derive(Debug, Clone, Copy, Serialize)]
struct Asked {
    user_message_id: Uuid,
    user_seq: i64,
}

#[derive(Debug, Serialize)]
struct Handled {
    handled_by: HandledByWord,
}

/// What is known of an answer at its end.
#[derive(Debug, Serialize)]
struct Facts {
    seq: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fallback: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl<'a> Chunk<'a> {
    fn of_part(part: &'a AnswerPart) -> Self {
        match part {
            AnswerPart::TextStart => Self::TextStart { id: TEXT },
            AnswerPart::Text(delta) => Self::TextDelta { id: TEXT, delta },
            AnswerPart::TextEnd => Self::TextEnd { id: TEXT },
            AnswerPart::Source(source) => Self::of_source(source),
            AnswerPart::HandedOver => Self::Handover {
                data: Handled {
                    handled_by: HandledByWord::Human,
                },
                transient: true,
            },
            AnswerPart::Finished { reason, seq, fallback } => Self::finish(*reason, *seq, *fallback),
            AnswerPart::Stopped => Self::Abort { reason: "stopped" },
            AnswerPart::TakenOver => Self::Abort { reason: "human_took_over" },
            AnswerPart::BrokeOff => Self::Error { error_text: BROKE_OFF },
        }
    }

    fn of_source(source: &'a Source) -> Self {
        Self::SourceUrl {
            source_id: &source.id,
            url: &source.url,
            title: &source.title,
        }
    }

    fn finish(reason: FinishReason, seq: Option<i64>, fallback: bool) -> Self {
        let (finish_reason, truncated) = match reason {
            FinishReason::Complete => ("stop", false),
            FinishReason::Length => ("length", true),
            FinishReason::Filtered => ("content-filter", false),
        };
        Self::Finish {
            finish_reason,
            message_metadata: seq.map(|seq| Facts { seq, fallback, truncated }),
        }
    }
}

/// Events on their way to a reader.
#[derive(Default)]
struct Events(String);

impl Events {
    /// Adds one. `place` is the answer and the chunk's number, from which a reader may go on.
    fn push(&mut self, place: Option<(MessageId, usize)>, chunk: &Chunk<'_>) {
        let Ok(json) = serde_json::to_string(chunk) else { return };
        if let Some((answer, number)) = place {
            let _ = writeln!(self.0, "id: {answer}:{number}");
        }
        let _ = write!(self.0, "data: {json}\n\n");
    }

    fn start(&mut self, answer: MessageId, asked: Asked) {
        let start = Chunk::Start {
            message_id: Some(answer.0),
            message_metadata: Some(asked),
        };
        self.push(Some((answer, 0)), &start);
    }

    fn part(&mut self, answer: MessageId, number: usize, part: &AnswerPart) {
        self.push(Some((answer, number)), &Chunk::of_part(part));
    }

    /// A whole answer that was stored before.
    fn stored(&mut self, answer: &Message, asked: Asked) {
        let fact = |name: &str| answer.metadata.as_ref().and_then(|facts| facts.get(name));
        let is = |name: &str| fact(name).and_then(serde_json::Value::as_bool).unwrap_or_default();
        let sources = fact("sources")
            .and_then(|sources| serde_json::from_value::<Vec<Source>>(sources.clone()).ok())
            .unwrap_or_default();
        let mut parts = Vec::new();
        // A deleted one has no text.
        if !answer.text.is_empty() {
            parts.extend([AnswerPart::TextStart, AnswerPart::Text(answer.text.as_str().into()), AnswerPart::TextEnd]);
            parts.extend(sources.into_iter().map(AnswerPart::Source));
        }
        parts.push(AnswerPart::Finished {
            reason: if is("truncated") { FinishReason::Length } else { FinishReason::Complete },
            seq: Some(answer.seq),
            fallback: is("fallback"),
        });
        self.start(answer.id, asked);
        for (number, part) in (1..).zip(&parts) {
            self.part(answer.id, number, part);
        }
        self.done();
    }

    /// Nobody answers here. Without an id and facts of a message, or pages would show an empty one.
    fn nothing(&mut self, handled_by: HandledBy) {
        let start = Chunk::Start {
            message_id: None,
            message_metadata: None,
        };
        self.push(None, &start);
        if handled_by == HandledBy::Human {
            let data = Handled { handled_by: handled_by.into() };
            self.push(None, &Chunk::Status { data, transient: true });
        }
        self.push(None, &Chunk::finish(FinishReason::Complete, None, false));
        self.done();
    }

    fn done(&mut self) {
        self.0.push_str("data: [DONE]\n\n");
    }

    fn into_bytes(self) -> Bytes {
        Bytes::from(self.0)
    }
}

/// Where a reader that comes back left off: `Last-Event-ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastEvent {
    answer: MessageId,
    number: usize,
}

impl LastEvent {
    /// Reads the header; what cannot be read counts as none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (answer, number) = text.trim().rsplit_once(':')?;
        Some(Self {
            answer: answer.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

/// How far the stream is.
enum Phase {
    Looking(Follower),
    Writing(LiveReader),
    Over,
}

/// The stream of one answer. The answer is written whether or not anybody reads it.
pub(super) struct AnswerStream {
    state: web::Data<AppState>,
    asked: Asked,
    phase: Phase,
    begun: bool,
    broken: bool,
}

impl AnswerStream {
    /// The answer to a question, when it comes.
    pub(super) fn of_question(state: &web::Data<AppState>, follower: Follower) -> Self {
        let question = follower.question();
        Self {
            state: state.clone(),
            asked: Asked {
                user_message_id: question.id.0,
                user_seq: question.seq,
            },
            phase: Phase::Looking(follower),
            begun: false,
            broken: false,
        }
    }

    /// An answer of this node from its start, or what follows the last event that the reader has.
    pub(super) fn of_answer(state: &web::Data<AppState>, answer: Arc<LiveAnswer>, last: Option<LastEvent>) -> Self {
        let (id, seq) = answer.question();
        let known = last.filter(|last| answer.is_first_draft() && last.answer == answer.id() && last.number <= answer.parts(0).0.len());
        Self {
            state: state.clone(),
            asked: Asked {
                user_message_id: id.0,
                user_seq: seq,
            },
            phase: Phase::Writing(LiveReader::new(state, answer, known.map_or(0, |last| last.number))),
            begun: known.is_some(),
            broken: false,
        }
    }

    /// The stream as response. No proxy may hold it back or change it.
    pub(super) fn into_response(self) -> HttpResponse {
        let chunks = stream::unfold(self, |mut stream| async move {
            match stream.next().await {
                Some(bytes) => Some((Ok(bytes), stream)),
                // A whole body would look like a whole answer; a connection that breaks is come back to.
                None if std::mem::take(&mut stream.broken) => Some((Err(std::io::Error::from(ErrorKind::ConnectionAborted)), stream)),
                None => None,
            }
        });
        HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream; charset=utf-8"))
            .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
            .insert_header(("x-accel-buffering", "no"))
            .insert_header(("x-vercel-ai-ui-message-stream", "v1"))
            .streaming(chunks)
    }

    /// What is to be sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let next = tokio::time::timeout(KEEP_ALIVE, self.events()).await;
        next.unwrap_or(Some(Bytes::from_static(b": hb\n\n")))
    }

    /// May be dropped and called again: nothing is taken before the last wait.
    async fn events(&mut self) -> Option<Bytes> {
        let mut events = Events::default();
        if let Phase::Looking(follower) = &mut self.phase {
            let found = follower.found().await;
            self.phase = Phase::Over;
            match found {
                Found::Live(live) => self.phase = Phase::Writing(LiveReader::new(&self.state, live, 0)),
                Found::Stored(message) => events.stored(&message, self.asked),
                Found::Nothing(handled_by) => events.nothing(handled_by),
                Found::Unknown => {
                    self.broken = true;
                    return None;
                }
            }
        }
        if let Phase::Writing(reader) = &mut self.phase {
            let id = reader.answer().id();
            let news = if self.begun {
                reader.more().await
            } else {
                events.start(id, self.asked);
                self.begun = true;
                reader.now()
            };
            let News { first, parts, over } = news;
            for (number, part) in (first + 1..).zip(&parts) {
                events.part(id, number, part);
            }
            // Who comes back after the last chunk has nothing left but the end.
            let ended = has_end(&parts) || (over && has_end(&reader.answer().parts(0).0));
            if ended {
                events.done();
            }
            if ended || over {
                self.phase = Phase::Over;
                self.broken = !ended;
            }
        }
        (!events.0.is_empty()).then(|| events.into_bytes())
    }
}
