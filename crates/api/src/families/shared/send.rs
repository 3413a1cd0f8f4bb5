//! Sending a message, the same over all doors.

use super::links::FileLinks;
use super::message::MessageResponse;
use super::proposal::parse_proposal;
use crate::extract::{Fields, idempotency_text};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse};
use parlor_domain::attachment::MAX_FILES;
use parlor_domain::conversation::{Actor, Audience, CommandError, Conversation, SendMessage, Sent, Structured, Viewer};
use parlor_domain::id::{AttachmentId, ConversationId, MessageId};
use parlor_domain::message::{Message, MessageKind, Proposal};
use parlor_domain::text::{ClientId, MessageText, Metadata};
use parlor_domain::whatsapp::{Interactive, OpenError, TemplateCall};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a client says. Unknown fields are ignored, since old frontends send more.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SendRequest {
    /// The text, 1–10,000 characters. With files it may be missing: then the first file's name stands for it.
    #[serde(default)]
    #[schema(example = "Is it still available?", max_length = 10_000)]
    pub message: Option<String>,
    /// The client's own id of the message, unique for ever per conversation and author: the same again is stored once. The header `Idempotency-Key` does the same.
    #[serde(default)]
    #[schema(example = "w-1763629200123-1", max_length = 64)]
    pub client_id: Option<String>,
    /// `text`, `file`, `offer` or `appointment`; without it `file` if there are files, else `text`.
    #[serde(default, rename = "type")]
    #[schema(example = "text")]
    pub kind: Option<String>,
    /// Of an offer `{offerPrice?, expiresAt?}`, of an appointment `{startsAt?}`, each with fields of the client's own, at most 8 KiB; none for `text` and `file`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
    /// Files that the caller uploaded for this conversation, at most 5.
    #[serde(default)]
    #[schema(example = json!([]), max_items = 5)]
    pub attachment_ids: Option<Vec<String>>,
    /// A message of the same conversation.
    #[serde(default)]
    pub reply_to: Option<Uuid>,
}

/// What a message says, as the clients of several doors name it.
pub struct Content<'a> {
    /// What stands before the names of its fields.
    pub place: &'a str,
    /// How the door calls its text.
    pub text_field: &'a str,
    /// Its text.
    pub text: Option<&'a str>,
    /// Its type.
    pub kind: Option<&'a str>,
    /// The content of a structured type.
    pub payload: Option<&'a Value>,
    /// Its files.
    pub attachment_ids: Option<&'a [String]>,
}

/// What a message says, once it is checked.
enum Said {
    /// Everything is there.
    Whole(MessageText, Option<Proposal>, Option<Structured>),
    /// Files without words: the first one's name stands for them.
    Files,
    /// A template of the conversation's number.
    Template(TemplateWish),
}

/// A message that is checked as far as it can be without its conversation.
pub struct Draft {
    said: Said,
    attachments: Vec<AttachmentId>,
    /// What stands before the names of fields.
    place: String,
    /// Whether only agents shall see it.
    pub private: bool,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The client's own id.
    pub client_id: Option<ClientId>,
}

/// Which template an agent wants to send.
#[derive(Debug, Clone, Deserialize)]
pub struct TemplateWish {
    /// Its name.
    pub name: String,
    /// Its language, if the number has it in several.
    #[serde(default)]
    pub language: Option<String>,
    /// What its places say.
    #[serde(default)]
    pub parameters: Vec<String>,
}

impl TemplateWish {
    /// Whether a message was sent as this, whatever the template says by now. Of one that was taken back nobody knows it any more.
    #[must_use]
    pub fn is_said_by(&self, first: &Message) -> bool {
        if first.kind != MessageKind::Template || first.deleted_at.is_some() {
            return first.kind == MessageKind::Template;
        }
        let call = first.payload.as_ref().and_then(|payload| TemplateCall::deserialize(payload).ok());
        call.is_some_and(|call| {
            let is_language = self.language.as_ref().is_none_or(|language| *language == call.language);
            is_language && call.name == self.name && call.parameters == self.parameters
        })
    }
}

impl Content<'_> {
    fn field(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    /// Checks it. `audience` is the caller's: what exists on WhatsApp only is for agents.
    pub fn parse(&self, fields: &mut Fields, audience: Audience) -> Option<Draft> {
        let attachments = self.attachments(fields);
        let said = match (self.kind, audience) {
            (None | Some("text" | "file"), _) => self.words(fields, attachments.as_deref()),
            (Some("offer"), _) => {
                let proposal = parse_proposal(fields, &self.field("payload"), self.payload, Proposal::offer);
                self.text(fields).zip(proposal).map(|(text, proposal)| Said::Whole(text, Some(proposal), None))
            }
            (Some("appointment"), _) => {
                let proposal = parse_proposal(fields, &self.field("payload"), self.payload, Proposal::appointment);
                self.text(fields).zip(proposal).map(|(text, proposal)| Said::Whole(text, Some(proposal), None))
            }
            (Some("template"), Audience::Staff) => self.template(fields),
            (Some("interactive"), Audience::Staff) => self.interactive(fields),
            (Some(_), Audience::Public) => {
                fields.wrong(&self.field("type"), "must be text, file, offer or appointment");
                None
            }
            (Some(_), Audience::Staff) => {
                fields.wrong(&self.field("type"), "must be text, file, offer, appointment, template or interactive");
                None
            }
        };
        let alone = !matches!(self.kind, None | Some("text" | "file"));
        if alone && attachments.as_ref().is_some_and(|files| !files.is_empty()) {
            fields.wrong(&self.field("attachment_ids"), "go with the types text and file only");
        }
        let (said, attachments) = said.zip(attachments)?;
        Some(Draft {
            said,
            attachments,
            place: self.place.to_owned(),
            private: false,
            reply_to: None,
            client_id: None,
        })
    }

    fn attachments(&self, fields: &mut Fields) -> Option<Vec<AttachmentId>> {
        let ids = self.attachment_ids.unwrap_or_default();
        let name = self.field("attachment_ids");
        if ids.len() > MAX_FILES {
            fields.wrong(&name, format!("must be at most {MAX_FILES} files"));
            return None;
        }
        let ids: Result<Vec<AttachmentId>, _> = ids.iter().map(|id| id.parse()).collect();
        fields.parsed(&name, ids.map_err(|_| "must be ids of uploaded files"))
    }

    fn text(&self, fields: &mut Fields) -> Option<MessageText> {
        fields.required(&self.field(self.text_field), self.text, MessageText::parse)
    }

    fn words(&self, fields: &mut Fields, attachments: Option<&[AttachmentId]>) -> Option<Said> {
        if self.payload.is_some() {
            fields.wrong(&self.field("payload"), "must be left out for the types text and file");
        }
        let has_files = attachments.is_none_or(|files| !files.is_empty());
        if self.kind == Some("file") && !has_files {
            fields.wrong(&self.field("attachment_ids"), "must name an uploaded file for type file");
        }
        if has_files && self.text.is_none_or(|text| text.trim().is_empty()) {
            return Some(Said::Files);
        }
        self.text(fields).map(|text| Said::Whole(text, None, None))
    }

    fn template(&self, fields: &mut Fields) -> Option<Said> {
        let wish = self.payload.and_then(|payload| TemplateWish::deserialize(payload).ok());
        let wish = wish.ok_or("must be {\"name\", \"language\"?, \"parameters\"?: [\"…\"]} for type template");
        fields.parsed(&self.field("payload"), wish).map(Said::Template)
    }

    fn interactive(&self, fields: &mut Fields) -> Option<Said> {
        let name = self.field("payload");
        let text = self.text(fields)?;
        let Some(payload) = self.payload else {
            fields.wrong(&name, "is required for type interactive");
            return None;
        };
        let payload = fields.parsed(&name, Metadata::parse(payload.clone()))?;
        let choices = Interactive::parse(payload.value(), text.as_str()).map_err(|wrong| format!("cannot be sent so: {wrong}"));
        let choices = fields.parsed(&name, choices)?;
        // Only what was checked is kept.
        let payload = fields.parsed(&name, serde_json::to_value(choices))?;
        let structured = Structured {
            kind: MessageKind::Interactive,
            payload: Some(payload),
        };
        Some(Said::Whole(text, None, Some(structured)))
    }
}

impl Draft {
    /// Says it in a conversation.
    ///
    /// # Errors
    /// A problem that names the field, or what the conversation's rules say.
    pub async fn send(self, state: &AppState, actor: Actor, conversation: ConversationId) -> Result<Sent, Problem> {
        let Self {
            said,
            attachments,
            place,
            private,
            reply_to,
            client_id,
        } = self;
        let first = First {
            client_id: client_id.as_ref(),
            reply_to,
            private,
        };
        let (text, proposal, structured) = match said {
            Said::Whole(text, proposal, structured) => (text, proposal, structured),
            Said::Files => match name_of_first(state, &actor, conversation, &attachments).await? {
                Some(name) => (name, None, None),
                None => return files_sent_before(state, &actor, conversation, &attachments, first).await,
            },
            Said::Template(wish) => match composed(state, &actor, conversation, wish, &place, first).await? {
                Composed::New(structured, text) => (text, None, Some(structured)),
                Composed::SentBefore(sent) => return Ok(sent),
            },
        };
        let message = SendMessage {
            proposal,
            structured,
            attachments,
            private,
            reply_to,
            client_id,
            ..SendMessage::text(text)
        };
        Ok(state.conversations.send_message(actor, conversation, message).await?)
    }
}

/// What a repeat has in common with the message that was sent first, beside what it says.
#[derive(Debug, Clone, Copy, Default)]
pub struct First<'a> {
    /// The client's own id.
    pub client_id: Option<&'a ClientId>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Whether only agents see it.
    pub private: bool,
}

impl First<'_> {
    /// What the caller sent before under the client id, for messages whose content cannot be made again in order to compare it.
    ///
    /// # Errors
    /// It says something else than `says_the_same` wants, or what storage says.
    pub async fn sent(
        self,
        state: &AppState,
        actor: &Actor,
        conversation: &Conversation,
        says_the_same: impl FnOnce(&Message) -> bool,
    ) -> Result<Option<Sent>, Problem> {
        let Some(client_id) = self.client_id else { return Ok(None) };
        let Some(first) = state.conversations.sent_under(actor, conversation.id, client_id).await? else {
            return Ok(None);
        };
        if (first.reply_to, first.private) != (self.reply_to, self.private) || !says_the_same(&first) {
            return Err(CommandError::ClientIdReused.into());
        }
        Ok(Some(Sent {
            message: Arc::new(first),
            conversation: Arc::new(conversation.clone()),
            repeated: true,
        }))
    }
}

/// What stands for files without words; `None` if the file is unknown. Whether they may be sent is looked at later.
async fn name_of_first(state: &AppState, actor: &Actor, conversation: ConversationId, files: &[AttachmentId]) -> Result<Option<MessageText>, Problem> {
    let read = state.store.read().await?;
    let first = files.get(..1).unwrap_or_default();
    let found = read.attachments().find_many(actor.workspace(), conversation, first).await?;
    Ok(found.first().and_then(|file| MessageText::parse(file.file.name.as_str()).ok()))
}

/// The message that carried files which are gone by now: it was taken back, and they with it.
async fn files_sent_before(state: &AppState, actor: &Actor, conversation: ConversationId, files: &[AttachmentId], first: First<'_>) -> Result<Sent, Problem> {
    let carried = |message: &Message| {
        let ids = message.attachments.iter().map(|file| &file.id);
        message.kind == MessageKind::File && (message.deleted_at.is_some() || ids.eq(files))
    };
    // Only what the caller wrote itself is found under its client id.
    let conversation = state.reader.get(Viewer::Staff(actor.workspace()), conversation).await?;
    let sent = first.sent(state, actor, &conversation, carried).await?;
    sent.ok_or_else(|| CommandError::AttachmentUnknown.into())
}

/// A template that is to be sent.
enum Composed {
    New(Structured, MessageText),
    /// It was sent before; since then an admin may have changed or removed it.
    SentBefore(Sent),
}

async fn composed(
    state: &AppState,
    actor: &Actor,
    conversation: ConversationId,
    wish: TemplateWish,
    place: &str,
    first: First<'_>,
) -> Result<Composed, Problem> {
    let workspace = actor.workspace();
    let conversation = state.reader.get(Viewer::Staff(workspace), conversation).await?;
    if conversation.whatsapp.is_none() {
        return Err(CommandError::Conflict("templates and choices exist in WhatsApp conversations only, and not in notes").into());
    }
    if let Some(sent) = first.sent(state, actor, &conversation, |message| wish.is_said_by(message)).await? {
        return Ok(Composed::SentBefore(sent));
    }
    let TemplateWish { name, language, parameters } = wish;
    let whatsapp = &state.whatsapp;
    let composed = whatsapp.compose_template(workspace, conversation.channel_id, &name, language.as_deref(), parameters);
    let (structured, text) = composed.await.map_err(|error| match error {
        OpenError::Template(wrong) => Problem::field(&format!("{place}payload"), format!("cannot be sent so: {wrong}")),
        other => other.into(),
    })?;
    Ok(Composed::New(structured, text))
}

impl SendRequest {
    /// Checks it, with the `Idempotency-Key` of the request if the body has no client id.
    ///
    /// # Errors
    /// A problem that names the fields.
    pub fn parse(self, request: Option<&HttpRequest>, audience: Audience) -> Result<Draft, Problem> {
        let mut fields = Fields::new();
        let content = Content {
            place: "",
            text_field: "message",
            text: self.message.as_deref(),
            kind: self.kind.as_deref(),
            payload: self.payload.as_ref(),
            attachment_ids: self.attachment_ids.as_deref(),
        };
        let draft = content.parse(&mut fields, audience);
        let header = request.map(idempotency_text).transpose()?.flatten();
        let client_id = match (self.client_id.as_deref(), header) {
            (Some(id), _) => fields.parsed("client_id", ClientId::parse(id)),
            (None, Some(key)) => fields.parsed("Idempotency-Key", ClientId::parse(key)),
            (None, None) => None,
        };
        Ok(Draft {
            reply_to: self.reply_to.map(MessageId),
            client_id,
            ..fields.take(draft)?
        })
    }
}

/// A `reply_to` that came as text.
pub fn parse_reply_to(fields: &mut Fields, raw: Option<&str>) -> Option<MessageId> {
    raw.and_then(|text| fields.parsed("reply_to", text.parse::<MessageId>().map_err(|_| "must be a message id")))
}

/// 201 with the message, or 200 if it was stored before under the same client id.
#[must_use]
pub fn created_or_repeated(sent: &Sent, audience: Audience, links: &FileLinks) -> HttpResponse {
    let body = MessageResponse::new(&sent.message, &sent.conversation, audience, links);
    if sent.repeated {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::Created().json(body)
    }
}

/// Up to where the caller's side has read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct MarkReadRequest {
    /// A place; without it everything.
    #[serde(default)]
    #[schema(example = 39, minimum = 0)]
    pub up_to_seq: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wrong_fields(body: Value, audience: Audience) -> Vec<String> {
        let request: SendRequest = serde_json::from_value(body).unwrap();
        let problem = request.parse(None, audience).err().unwrap();
        problem.errors.into_iter().map(|error| error.field).collect()
    }

    fn fits(body: Value, audience: Audience) -> bool {
        let request: SendRequest = serde_json::from_value(body).unwrap();
        request.parse(None, audience).is_ok()
    }

    const FILE: &str = "018f6a3e-5b1c-7000-8000-0000000000d4";

    #[test]
    fn files_need_no_words_and_words_no_files() {
        for fine in [
            json!({"message": "hi"}),
            json!({"message": "hi", "type": "text", "attachment_ids": []}),
            json!({"attachment_ids": [FILE]}),
            json!({"message": " ", "type": "file", "attachment_ids": [FILE]}),
            json!({"message": "look", "type": "text", "attachment_ids": [FILE]}),
        ] {
            assert!(fits(fine.clone(), Audience::Public), "{fine}");
        }
        for (wrong, field) in [
            (json!({}), "message"),
            (json!({"message": " "}), "message"),
            (json!({"type": "file", "message": "look"}), "attachment_ids"),
            (json!({"message": "x", "attachment_ids": ["x"]}), "attachment_ids"),
            (
                json!({"message": "x", "attachment_ids": [FILE, FILE, FILE, FILE, FILE, FILE]}),
                "attachment_ids",
            ),
            (
                json!({"message": "x", "type": "offer", "payload": {"offerPrice": 5}, "attachment_ids": [FILE]}),
                "attachment_ids",
            ),
            (json!({"message": "x", "payload": {}}), "payload"),
            (json!({"message": "x", "type": "location"}), "type"),
        ] {
            assert_eq!(wrong_fields(wrong.clone(), Audience::Public), [field], "{wrong}");
        }
    }

    #[test]
    fn templates_and_choices_are_for_agents() {
        let template = json!({"type": "template", "payload": {"name": "order_ready", "parameters": ["A-17"]}});
        let choices = json!({"type": "interactive", "message": "Which?", "payload": {"buttons": [{"id": "a", "title": "Blue"}]}});
        for body in [template, choices] {
            assert!(fits(body.clone(), Audience::Staff), "{body}");
            assert_eq!(wrong_fields(body, Audience::Public), ["type"]);
        }
        for (wrong, field) in [
            (json!({"type": "template"}), "payload"),
            (json!({"type": "template", "payload": {"name": "x", "parameters": [1]}}), "payload"),
            (
                json!({"type": "interactive", "payload": {"buttons": [{"id": "a", "title": "Blue"}]}}),
                "message",
            ),
            (json!({"type": "interactive", "message": "Which?"}), "payload"),
            (json!({"type": "interactive", "message": "Which?", "payload": {"buttons": []}}), "payload"),
        ] {
            assert_eq!(wrong_fields(wrong.clone(), Audience::Staff), [field], "{wrong}");
        }
    }
}
