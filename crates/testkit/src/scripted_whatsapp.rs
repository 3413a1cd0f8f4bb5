use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use parlor_domain::attachment::FileError;
use parlor_domain::whatsapp::{
    Accepted, Answered, FileToSend, GraphError, IncomingMedia, MediaKind, Number, NumberFacts, OutgoingMessage, SendFailure, WhatsappGateway,
};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was asked of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhatsappCall {
    /// To send a message.
    Send(OutgoingMessage),
    /// To take a file up.
    Upload {
        /// What it is called.
        name: String,
        /// Its media type.
        mime: String,
        /// As what it goes.
        kind: MediaKind,
        /// Its bytes.
        bytes: Bytes,
    },
    /// To bring the file with this id down.
    Download(String),
    /// To show a message as read.
    MarkRead {
        /// The message.
        external_id: String,
        /// Whether somebody writes.
        typing: bool,
    },
    /// What it says about the number.
    Check,
}

/// A file that the scripted platform has.
#[derive(Debug, Clone)]
pub struct ScriptedMedia {
    /// The media type that it names.
    pub mime: Option<String>,
    /// SHA-256 that it names.
    pub sha256: Option<[u8; 32]>,
    /// The size that it names.
    pub size: Option<u64>,
    /// What it gives, piece by piece.
    pub chunks: Vec<Result<Bytes, FileError>>,
}

impl ScriptedMedia {
    /// A file that is what the platform says it is.
    #[must_use]
    pub fn whole(mime: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            mime: Some(mime.to_owned()),
            sha256: Some(Sha256::digest(&bytes).into()),
            size: Some(bytes.len() as u64),
            chunks: vec![Ok(bytes)],
        }
    }
}

type Hook = Arc<dyn Fn(WhatsappCall) -> BoxFuture<'static, ()> + Send + Sync>;

#[derive(Default)]
struct Script {
    calls: Vec<(Number, WhatsappCall)>,
    /// What the next requests to send give; without one the message is taken.
    sends: VecDeque<SendFailure>,
    /// The same of all other requests.
    others: VecDeque<SendFailure>,
    media: HashMap<String, ScriptedMedia>,
    facts: NumberFacts,
    taken: usize,
    uploaded: usize,
    hook: Option<Hook>,
}

/// A platform that does what a test wrote for it, and remembers what it was asked. Without a script it takes everything: messages as
/// `wamid.1`, `wamid.2` …, files as `media.1`, `media.2` …
#[derive(Default)]
pub struct ScriptedWhatsapp(Mutex<Script>);

impl ScriptedWhatsapp {
    /// One that takes everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request to send that has no script yet fails so.
    pub fn fail_send(&self, failure: SendFailure) {
        self.script().sends.push_back(failure);
    }

    /// The next other request that has no script yet fails so.
    pub fn fail_other(&self, failure: SendFailure) {
        self.script().others.push_back(failure);
    }

    /// From now on the platform has this file.
    pub fn has_media(&self, id: &str, media: ScriptedMedia) {
        self.script().media.insert(id.to_owned(), media);
    }

    /// What it says about numbers from now on.
    pub fn says_of_numbers(&self, facts: NumberFacts) {
        self.script().facts = facts;
    }

    /// From now on this runs before each answer, when the request is remembered already.
    pub fn before_answer(&self, hook: impl Fn(WhatsappCall) -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        self.script().hook = Some(Arc::new(hook));
    }

    /// Nothing runs before answers any more.
    pub fn answer_at_once(&self) {
        self.script().hook = None;
    }

    /// All requests so far.
    #[must_use]
    pub fn calls(&self) -> Vec<WhatsappCall> {
        self.script().calls.iter().map(|(_, call)| call.clone()).collect()
    }

    /// With which numbers they came.
    #[must_use]
    pub fn numbers(&self) -> Vec<Number> {
        self.script().calls.iter().map(|(number, _)| number.clone()).collect()
    }

    /// All messages that it was asked to send so far, taken or not.
    #[must_use]
    pub fn sent(&self) -> Vec<OutgoingMessage> {
        let of = |call| if let WhatsappCall::Send(message) = call { Some(message) } else { None };
        self.calls().into_iter().filter_map(of).collect()
    }

    async fn ask<T>(&self, number: &Number, call: WhatsappCall, answer: impl FnOnce(&mut Script) -> Answered<T>) -> Answered<T> {
        let hook = {
            let mut script = self.script();
            script.calls.push((number.clone(), call.clone()));
            script.hook.clone()
        };
        let is_send = matches!(call, WhatsappCall::Send(_));
        if let Some(hook) = hook {
            hook(call).await;
        }
        let mut script = self.script();
        let failure = if is_send { script.sends.pop_front() } else { script.others.pop_front() };
        match failure {
            Some(failure) => Err(failure),
            None => answer(&mut script),
        }
    }
}

#[async_trait]
impl WhatsappGateway for ScriptedWhatsapp {
    async fn send(&self, number: &Number, message: &OutgoingMessage) -> Answered<Accepted> {
        let take = |script: &mut Script| {
            script.taken += 1;
            Ok(Accepted {
                external_id: format!("wamid.{}", script.taken),
            })
        };
        self.ask(number, WhatsappCall::Send(message.clone()), take).await
    }

    async fn upload(&self, number: &Number, mut file: FileToSend) -> Answered<String> {
        let mut bytes = Vec::new();
        while let Some(chunk) = file.chunks.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| SendFailure::Unreached(error.to_string()))?);
        }
        let call = WhatsappCall::Upload {
            name: file.name.as_str().to_owned(),
            mime: file.mime,
            kind: file.kind,
            bytes: bytes.into(),
        };
        let take = |script: &mut Script| {
            script.uploaded += 1;
            Ok(format!("media.{}", script.uploaded))
        };
        self.ask(number, call, take).await
    }

    async fn download(&self, number: &Number, media_id: &str) -> Answered<IncomingMedia> {
        let give = |script: &mut Script| {
            let media = script.media.get(media_id).cloned().ok_or_else(unknown_media)?;
            Ok(IncomingMedia {
                mime: media.mime,
                sha256: media.sha256,
                size: media.size,
                chunks: futures_util::stream::iter(media.chunks).boxed(),
            })
        };
        self.ask(number, WhatsappCall::Download(media_id.to_owned()), give).await
    }

    async fn mark_read(&self, number: &Number, external_id: &str, typing: bool) -> Answered<()> {
        let call = WhatsappCall::MarkRead {
            external_id: external_id.to_owned(),
            typing,
        };
        self.ask(number, call, |_| Ok(())).await
    }

    async fn check(&self, number: &Number) -> Answered<NumberFacts> {
        self.ask(number, WhatsappCall::Check, |script| Ok(script.facts.clone())).await
    }
}

/// What the platform says of a file that it does not have.
fn unknown_media() -> SendFailure {
    SendFailure::Refused(GraphError {
        code: 100,
        message: "Unsupported get request. Object does not exist".to_owned(),
        foreign: false,
    })
}
