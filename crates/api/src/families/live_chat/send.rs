use super::shape::{NumberValue, parse_number, thread_of};
use crate::extract::{Body, Fields, StaffAuth, idempotency_text, to_the_end};
use crate::families::admin::object;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, First, NotFoundProblem, StaffProblems, TemplateWish};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, post, web};
use futures_util::StreamExt;
use parlor_domain::attachment::{AttachmentError, MAX_UPLOAD, NewAttachment};
use parlor_domain::conversation::{Actor, CommandError, Conversation, SendMessage, Sent};
use parlor_domain::id::{AttachmentId, WorkspaceId};
use parlor_domain::message::{Message, MessageKind};
use parlor_domain::text::{ClientId, MessageText};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The most characters of an address.
const MAX_URL: usize = 2_000;
/// The most parameters of a template.
const MAX_PARAMETERS: usize = 64;

/// A template of the number.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct LiveTemplate {
    /// As the platform calls it.
    #[schema(example = "order_ready", max_length = 512)]
    pub name: String,
    /// Its language; only needed if the number has it in several.
    #[serde(default)]
    #[schema(example = "de")]
    pub language: Option<String>,
    /// What its places say, in their order.
    #[serde(default)]
    #[schema(example = json!(["A-17"]), max_items = 64)]
    pub parameters: Option<Vec<String>>,
}

/// What an agent says to a customer. Unknown fields are ignored, since old frontends send more.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct SendLiveMessageRequest {
    /// The number of the conversation; 0 or nothing finds or makes the one between `phone_number_id` and `to`.
    #[serde(default)]
    #[schema(value_type = Option<i64>, example = 17)]
    pub conversation_id: Option<NumberValue>,
    /// Our number, as the platform calls it. With a conversation it is the conversation's own, and may be left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "830000000000001")]
    pub phone_number_id: Option<NumberValue>,
    /// The customer's phone number with its country's, 5–15 digits. With a conversation it is the customer's own, and may be left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "491700000001")]
    pub to: Option<NumberValue>,
    /// The text, 1–10,000 characters. With a file it is the words below it and may be empty; with a template it is not looked at.
    #[serde(default)]
    #[schema(example = "Yes, three are left.", max_length = 10_000)]
    pub message: Option<String>,
    /// `text`, `image`, `video`, `audio`, `document` or `template`; `text` without it. What a file is is seen by its content.
    #[serde(default)]
    #[schema(example = "text")]
    pub message_type: Option<String>,
    /// Of a file: its http or https address in the public network. It is fetched once, at most 20 MiB, and kept here.
    #[serde(default)]
    #[schema(example = "https://shop.example.com/size-chart.png", max_length = 2_000)]
    pub media_url: Option<String>,
    /// With `message_type` `template`: which one. It is the only thing that may be sent when the customer has not written for 24 hours.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = Option<LiveTemplate>)]
    pub template: Option<LiveTemplate>,
    /// The client's own id of the message, unique for ever per conversation and author: the same again is sent once. The header
    /// `Idempotency-Key` does the same.
    #[serde(default)]
    #[schema(example = "w-1763629200123-1", max_length = 64)]
    pub client_id: Option<String>,
}

/// That the message is stored and on its way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LiveMessageSent {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The same in words.
    #[schema(example = "Message sent successfully")]
    pub message: &'static str,
    /// The number of the conversation.
    #[schema(example = 17)]
    pub conversation_id: i64,
    /// The number of the message.
    #[schema(example = 35_651_623)]
    pub message_id: i64,
}

/// What shall be said.
#[derive(Debug, Clone)]
enum Content {
    Text(MessageText),
    /// A file at an address, with words or without.
    File(String, Option<MessageText>),
    Template(LiveTemplate),
}

/// To whom, as far as the caller says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    conversation: Option<i64>,
    phone_number_id: Option<String>,
    to: Option<String>,
}

impl SendLiveMessageRequest {
    fn parse(self, request: &HttpRequest) -> Result<(Destination, Content, Option<ClientId>), Problem> {
        let header = idempotency_text(request)?;
        let mut fields = Fields::new();
        let destination = self.destination(&mut fields);
        let client_id = match (self.client_id.as_deref(), header) {
            (Some(id), _) => fields.parsed("client_id", ClientId::parse(id)),
            (None, Some(key)) => fields.parsed("Idempotency-Key", ClientId::parse(key)),
            (None, None) => None,
        };
        let content = self.content(&mut fields);
        Ok((destination, fields.take(content)?, client_id))
    }

    fn destination(&self, fields: &mut Fields) -> Destination {
        let text = |value: &Option<NumberValue>| value.as_ref().and_then(NumberValue::text);
        let number = text(&self.conversation_id).and_then(|number| fields.parsed("conversation_id", parse_number(&number)));
        let destination = Destination {
            conversation: number.filter(|number| *number != 0),
            phone_number_id: text(&self.phone_number_id),
            to: text(&self.to).and_then(|to| fields.parsed("to", phone(&to))),
        };
        if destination.conversation.is_none() {
            let mut needed = |name: &str, given: bool| {
                if !given {
                    fields.wrong(name, "is required without a conversation_id");
                }
            };
            needed("phone_number_id", destination.phone_number_id.is_some());
            needed("to", text(&self.to).is_some());
        }
        destination
    }

    fn content(self, fields: &mut Fields) -> Option<Content> {
        let message = self.message.unwrap_or_default();
        let url = self.media_url.map(|url| url.trim().to_owned()).filter(|url| !url.is_empty());
        let kind = self.message_type.as_deref().unwrap_or("text");
        if self.template.is_some() && kind != "template" {
            fields.wrong("template", "goes with message_type template only");
        }
        if url.is_some() && matches!(kind, "text" | "template") {
            fields.wrong("media_url", "goes with message_type image, video, audio or document only");
        }
        match kind {
            "text" => fields.parsed("message", MessageText::parse(&message)).map(Content::Text),
            "image" | "video" | "audio" | "document" => {
                let caption = fields.optional("message", Some(&message), MessageText::parse);
                let url = url.filter(|url| url.chars().count() <= MAX_URL);
                let url = fields.parsed("media_url", url.ok_or("must be the address of the file, of at most 2,000 characters"))?;
                Some(Content::File(url, caption))
            }
            "template" => {
                let template = fields.parsed("template", self.template.ok_or("is required for message_type template"))?;
                if template.parameters.as_ref().is_some_and(|parameters| parameters.len() > MAX_PARAMETERS) {
                    fields.wrong("template.parameters", format!("must be at most {MAX_PARAMETERS}"));
                }
                Some(Content::Template(template))
            }
            _ => {
                fields.wrong("message_type", "must be text, image, video, audio, document or template");
                None
            }
        }
    }
}

/// A phone number in digits, without what people write between them.
fn phone(text: &str) -> Result<String, &'static str> {
    let digits: String = text
        .strip_prefix('+')
        .unwrap_or(text)
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '(' | ')'))
        .collect();
    let fits = (5..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(digits).ok_or("must be a phone number of 5 to 15 digits with its country's")
}

/// The conversation that is meant; one that nobody has had yet begins.
async fn find_or_open(state: &AppState, workspace: WorkspaceId, destination: Destination, content: &Content) -> Result<Conversation, Problem> {
    let Destination {
        conversation,
        phone_number_id,
        to,
    } = destination;
    let Some(number) = conversation else {
        let whatsapp = Arc::clone(&state.whatsapp);
        let (ours, theirs) = (phone_number_id.unwrap_or_default(), to.unwrap_or_default());
        if !matches!(content, Content::Template(_)) {
            // Who never wrote cannot be written to freely, so nothing begins.
            return whatsapp
                .opened(workspace, &ours, &theirs)
                .await?
                .ok_or_else(|| CommandError::WindowClosed.into());
        }
        // What others must be told of a new customer is told, whether the caller waits for it or not.
        return Ok(to_the_end(async move { whatsapp.open(workspace, &ours, &theirs).await }).await??);
    };
    let known = state.reader.by_number(workspace, number).await?;
    let thread = thread_of(&known)?;
    let mut fields = Fields::new();
    let rest = "of this conversation; leave it out, or send conversation_id 0 for another one";
    if phone_number_id.is_some_and(|ours| ours != thread.phone_number_id) {
        fields.wrong("phone_number_id", format!("is not the number {rest}"));
    }
    if to.is_some() && to != thread.customer_phone {
        fields.wrong("to", format!("is not the customer {rest}"));
    }
    fields.finish()?;
    Ok(known)
}

impl From<LiveTemplate> for TemplateWish {
    fn from(LiveTemplate { name, language, parameters }: LiveTemplate) -> Self {
        let trimmed = |text: String| text.trim().to_owned();
        Self {
            name: trimmed(name),
            language: language.map(trimmed).filter(|language| !language.is_empty()),
            parameters: parameters.unwrap_or_default(),
        }
    }
}

async fn send(state: &AppState, actor: Actor, conversation: Conversation, content: Content, client_id: Option<ClientId>) -> Result<Sent, Problem> {
    let message = match content {
        Content::Text(text) => SendMessage {
            client_id,
            ..SendMessage::text(text)
        },
        Content::Template(template) => {
            let wish = TemplateWish::from(template);
            // Since it was sent, an admin may have changed or removed it.
            let first = First {
                client_id: client_id.as_ref(),
                ..First::default()
            };
            let before = first.sent(state, &actor, &conversation, |message| wish.is_said_by(message)).await?;
            if let Some(sent) = before {
                return Ok(sent);
            }
            let TemplateWish { name, language, parameters } = wish;
            let (structured, text) = state
                .whatsapp
                .compose_template(conversation.workspace_id, conversation.channel_id, &name, language.as_deref(), parameters)
                .await?;
            SendMessage {
                structured: Some(structured),
                client_id,
                ..SendMessage::text(text)
            }
        }
        Content::File(url, caption) => return send_file(state, actor, conversation, &url, caption, client_id).await,
    };
    Ok(state.conversations.send_message(actor, conversation.id, message).await?)
}

async fn send_file(
    state: &AppState,
    actor: Actor,
    conversation: Conversation,
    url: &str,
    caption: Option<MessageText>,
    client_id: Option<ClientId>,
) -> Result<Sent, Problem> {
    if let Some(sent) = file_sent_before(state, &actor, &conversation, caption.as_ref(), client_id.as_ref()).await? {
        return Ok(sent);
    }
    // Nothing is fetched for a message that will be refused; what counts is the answer to the command.
    if !thread_of(&conversation)?.is_open(state.clock.now()) {
        return Err(CommandError::WindowClosed.into());
    }
    let (file, name) = fetch(state, &actor, &conversation, url).await?;
    let text = caption.clone().unwrap_or(name);
    let message = SendMessage {
        attachments: vec![file],
        client_id: client_id.clone(),
        ..SendMessage::text(text)
    };
    match state.conversations.send_message(actor.clone(), conversation.id, message).await {
        // The same call came twice at a time, and the other one was faster.
        Err(CommandError::ClientIdReused) => file_sent_before(state, &actor, &conversation, caption.as_ref(), client_id.as_ref())
            .await?
            .ok_or_else(|| CommandError::ClientIdReused.into()),
        other => Ok(other?),
    }
}

/// What was sent before under the client id. Its file is a copy: that the address is another one now is not seen.
async fn file_sent_before(
    state: &AppState,
    actor: &Actor,
    conversation: &Conversation,
    caption: Option<&MessageText>,
    client_id: Option<&ClientId>,
) -> Result<Option<Sent>, Problem> {
    let first = First { client_id, ..First::default() };
    first.sent(state, actor, conversation, |message| says_the_same(message, caption)).await
}

/// Whether a message was sent as a file with these words. Of one that was taken back nobody knows the file any more.
fn says_the_same(first: &Message, caption: Option<&MessageText>) -> bool {
    if first.kind != MessageKind::File || first.deleted_at.is_some() {
        return first.kind == MessageKind::File;
    }
    let files: Vec<AttachmentId> = first.attachments.iter().map(|file| file.id).collect();
    let named = first.attachments.first().map(|file| file.name.as_str());
    let text = caption.map(MessageText::as_str).or(named).unwrap_or_default();
    first.content == Message::content_hash_with(MessageKind::File, text, None, &files, None, false)
}

/// Brings a file here, as an upload of the caller. Answers with its name as the words that stand for it.
async fn fetch(state: &AppState, actor: &Actor, conversation: &Conversation, url: &str) -> Result<(AttachmentId, MessageText), Problem> {
    let wrong = |why: String| Problem::field("media_url", why);
    let mut remote = state.remote_files.fetch(url).await.map_err(|error| wrong(error.to_string()))?;
    if remote.size.is_some_and(|size| size > MAX_UPLOAD) {
        return Err(not_taken(AttachmentError::TooLarge(MAX_UPLOAD)));
    }
    let new = NewAttachment {
        name: remote.name,
        uploaded_by: actor.author(),
        limit: MAX_UPLOAD,
    };
    let mut upload = state.attachments.begin(conversation, new).await.map_err(not_taken)?;
    while let Some(chunk) = remote.chunks.next().await {
        let chunk = chunk.map_err(|error| wrong(format!("cannot be fetched: {error}")))?;
        upload.write(chunk).await.map_err(not_taken)?;
    }
    let file = upload.finish().await.map_err(not_taken)?.file;
    let name = MessageText::parse(file.name.as_str()).map_err(|error| wrong(format!("has a name that {error}")))?;
    Ok((file.id, name))
}

fn not_taken(error: AttachmentError) -> Problem {
    let wrong = |why: &str| Problem::field("media_url", why);
    match error {
        AttachmentError::Empty => wrong("leads to an empty file"),
        AttachmentError::TooLarge(most) => wrong(&format!("leads to a file of more than {most} bytes")),
        AttachmentError::Kind => wrong("leads to a file of a kind that is not taken"),
        AttachmentError::NotFound | AttachmentError::File(_) => Problem::internal(&error),
        AttachmentError::Repository(error) => error.into(),
    }
}

/// Send a message over WhatsApp
///
/// It is stored at once and goes out in its turn. Words and files are taken until 24 hours after the customer's last message, then only
/// a template: 409 `whatsapp_window_closed`. A repeat under the same client id answers with the first message.
#[utoipa::path(path = "/api/live-chat/send-message", tag = "WhatsApp", security(("staff" = [])), request_body = SendLiveMessageRequest, responses(
    (status = 200, description = "Stored, now or before", body = LiveMessageSent),
    BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/live-chat/send-message")]
pub async fn send_live_message(
    auth: StaffAuth,
    request: HttpRequest,
    body: Body<SendLiveMessageRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (destination, content, client_id) = body.0.parse(&request)?;
    let conversation = find_or_open(&state, auth.0.workspace_id, destination, &content).await?;
    let sent = send(&state, auth.actor(), conversation, content, client_id).await?;
    let thread = thread_of(&sent.conversation)?;
    Ok(HttpResponse::Ok().json(LiveMessageSent {
        success: true,
        message: "Message sent successfully",
        conversation_id: thread.number,
        message_id: thread.message_number(sent.message.seq),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn parse(body: serde_json::Value) -> Result<(Destination, Content, Option<ClientId>), Vec<String>> {
        let request: SendLiveMessageRequest = serde_json::from_value(body).map_err(|error| vec![error.to_string()])?;
        let parsed = request.parse(&TestRequest::default().to_http_request());
        parsed.map_err(|problem| problem.errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn a_phone_number_is_cleaned() {
        for (written, kept) in [
            ("+49 170 0000001", Some("491700000001")),
            ("(0049) 170-0000001", Some("00491700000001")),
            ("491700000001", Some("491700000001")),
            ("1234", None),
            ("1234567890123456", None),
            ("49x170000001", None),
            ("49+170000001", None),
            ("٤٩١٧٠٠٠", None),
        ] {
            assert_eq!(phone(written).ok().as_deref(), kept, "{written}");
        }
    }

    #[test]
    fn ids_may_be_numbers_or_text_and_zero_is_a_new_conversation() {
        let new = Destination {
            conversation: None,
            phone_number_id: Some("830000000000001".to_owned()),
            to: Some("491700000001".to_owned()),
        };
        for body in [
            serde_json::json!({"conversation_id": 0, "phone_number_id": "830000000000001", "to": "+491700000001", "message": "hi", "more": 1}),
            serde_json::json!({"conversation_id": "0", "phone_number_id": 830_000_000_000_001_u64, "to": 491_700_000_001_u64, "message": "hi"}),
            serde_json::json!({"conversation_id": null, "phone_number_id": "830000000000001", "to": "491700000001", "message": "hi", "media_url": ""}),
        ] {
            assert_eq!(parse(body).map(|(destination, ..)| destination).ok(), Some(new.clone()));
        }
        let known = parse(serde_json::json!({"conversation_id": "17", "message": "hi", "to": ""})).map(|(destination, ..)| destination);
        assert_eq!(known.map(|known| known.conversation), Ok(Some(17)));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (more, wrong) in [
            (serde_json::json!({"message": ""}), "message"),
            (serde_json::json!({"message": "hi", "message_type": "poll"}), "message_type"),
            (serde_json::json!({"message_type": "image"}), "media_url"),
            (serde_json::json!({"message": "hi", "media_url": "https://a.example.com/"}), "media_url"),
            (serde_json::json!({"message_type": "template"}), "template"),
            (serde_json::json!({"message": "hi", "template": {"name": "order_ready"}}), "template"),
            (serde_json::json!({"message": "hi", "to": "abc"}), "to"),
            (serde_json::json!({"message": "hi", "conversation_id": "x"}), "conversation_id"),
            (serde_json::json!({"message": "hi", "client_id": ""}), "client_id"),
        ] {
            let mut body = serde_json::json!({"conversation_id": 17});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let named = parse(body.clone()).map(|_| ()).unwrap_err();
            assert_eq!(named.first().map(String::as_str), Some(wrong), "{body}");
        }
        let missing = parse(serde_json::json!({"message": "hi"})).map(|_| ());
        assert_eq!(missing, Err(vec!["phone_number_id".to_owned(), "to".to_owned()]));
    }
}
