use super::{channel_named, no_chat};
use crate::extract::{Body, ClientAddress, Fields, idempotency_key, to_the_end};
use crate::families::chats::Envelope;
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, NotFoundProblem, ProvenVisitor, StaffProblems, visitor_context};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, post, web};
use parlor_domain::conversation::{ChatRef, Starter, StoredChat};
use parlor_domain::text::{Email, InvalidText, Line, Metadata, Name};
use parlor_domain::visitor::{EditVisitor, NewVisitor, VisitorContext};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Who is in front of the widget. Unknown fields are ignored, since old frontends send more.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SaveUserDataRequest {
    /// What the person calls itself.
    #[schema(example = "Nadia", max_length = 200)]
    pub name: Option<String>,
    /// An e-mail address: a claim, no proof.
    #[schema(example = "nadia@example.com", max_length = 254)]
    pub email: Option<String>,
    /// The host site's id of the person: a claim, no proof.
    #[schema(example = "user-17", max_length = 500)]
    pub user_id: Option<String>,
    /// What the widget calls its chat: at least 16 random characters, since who knows it may write. Without it one is made.
    #[schema(example = "chat-5f0c2a9e71b84d36", max_length = 200)]
    pub chat_id: Option<String>,
    /// The visitor key of a known visitor; or the key as `Authorization: Bearer`. Without it a visitor is made.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34", format = Uuid)]
    pub visitor_id: Option<String>,
    /// The page the widget is on; cut to 2,000 characters. Without it what the browser names as referring page.
    #[schema(example = "https://shop.example.com/cart")]
    pub page_url: Option<String>,
    /// The page that led there; cut to 2,000 characters.
    #[schema(example = "https://search.example.com/")]
    pub referrer: Option<String>,
    /// The language, as BCP 47.
    #[schema(example = "de-AT", max_length = 200)]
    pub locale: Option<String>,
    /// The time zone.
    #[schema(example = "Europe/Vienna", max_length = 200)]
    pub timezone: Option<String>,
    /// The size of the screen.
    #[schema(example = "1920x1080", max_length = 200)]
    pub screen: Option<String>,
    /// Facts the page attaches to the visitor, at most 8 KiB.
    #[schema(value_type = Option<Object>, example = json!({"plan": "pro"}))]
    pub metadata: Option<serde_json::Value>,
    /// The channel it comes in by; also as query parameter or header `X-Parlor-Channel`.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000f1", format = Uuid)]
    pub channel: Option<String>,
}

impl SaveUserDataRequest {
    fn parse(self, seen: VisitorContext) -> Result<(NewVisitor, Option<ChatRef>), Problem> {
        let mut fields = Fields::new();
        let mut short = |name: &str, raw: Option<&str>| fields.optional(name, raw, Name::parse).map(Name::into_string);
        let (timezone, screen) = (short("timezone", self.timezone.as_deref()), short("screen", self.screen.as_deref()));
        let page_url = fields.optional("page_url", self.page_url.as_deref(), address);
        let referrer = fields.optional("referrer", self.referrer.as_deref(), address);
        let new = NewVisitor {
            name: fields.optional("name", self.name.as_deref(), Name::parse),
            email: fields.optional("email", self.email.as_deref(), Email::parse),
            phone: None,
            external_id: fields.optional("user_id", self.user_id.as_deref(), Line::parse),
            locale: fields.optional("locale", self.locale.as_deref(), Name::parse),
            metadata: self.metadata.and_then(|metadata| fields.parsed("metadata", Metadata::parse(metadata))),
            context: VisitorContext {
                page_url: page_url.or(seen.page_url),
                referrer,
                timezone,
                screen,
                ..seen
            },
        };
        let chat = fields.optional("chat_id", self.chat_id.as_deref(), ChatRef::parse);
        fields.finish().map(|()| (new, chat))
    }
}

/// An address of a page. Some are very long, and none is a reason to refuse the visitor.
fn address(raw: &str) -> Result<String, InvalidText> {
    if raw.contains('\0') {
        return Err(InvalidText::Nul);
    }
    Ok(raw.trim().chars().take(2000).collect())
}

/// What the widget keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserDataResponse {
    /// The visitor key: of a new visitor told only here, else as it was sent. Null for a customer with a token of the host site, and for whoever
    /// names a known chat without the visitor's key: then nothing was changed.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34")]
    pub visitor_id: Option<Uuid>,
    /// The chat, by which messages are stored.
    #[schema(example = "chat-5f0c2a9e71b84d36")]
    pub chat_id: String,
}

/// Tell who is in front of the widget
///
/// Makes or changes the visitor, and makes the chat. The server adds address, place (if it has a location database), browser, system and
/// device. What is typed here stays a claim. A known chat without the proof of its visitor is only answered, and nothing is changed.
#[utoipa::path(path = "/api/users/data/", tag = "Stored chats", security((), ("visitor" = [])), request_body = SaveUserDataRequest,
    params(
        ("channel" = Option<Uuid>, Query, description = "The channel it comes in by", nullable = false),
        ("X-Parlor-Channel" = Option<Uuid>, Header, description = "The same as header", nullable = false),
        ("Idempotency-Key" = Option<String>, Header, description = "The same again within 24 h gives the same visitor and chat", nullable = false),
    ),
    responses(
        (status = 201, description = "Visitor or chat were made", body = Envelope<UserDataResponse>),
        (status = 200, description = "Both were known; `visitor_id` is null if nothing proved the visitor", body = Envelope<UserDataResponse>),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/users/data")]
pub async fn save_user_data(
    http: HttpRequest,
    address: ClientAddress,
    request: Body<SaveUserDataRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let request = request.0;
    let proven = ProvenVisitor::of(&http, &state, request.visitor_id.as_deref()).await?;
    let visitor = proven.as_ref().map(|proven| Arc::clone(&proven.visitor));
    let caller = visitor.as_ref().map_or_else(|| address.0.to_string(), |visitor| visitor.id.to_string());
    let channel = channel_named(&http, &state, visitor.as_deref(), request.channel.as_deref()).await?;
    let content = serde_json::to_vec(&request).map_err(|error| Problem::internal(&error))?;
    let once = idempotency_key(&http, "user data", &caller, &content)?;
    let (data, name) = request.parse(visitor_context(&http, address))?;
    let conversations = state.conversations.clone();
    let answer = |chat: &StoredChat| {
        let key = chat.key.or_else(|| proven.as_ref().and_then(|proven| proven.key));
        let body = Envelope::new(UserDataResponse {
            visitor_id: key.map(|key| key.expose()),
            chat_id: name
                .as_ref()
                .map_or_else(|| chat.conversation.room_key.expose().to_string(), |name| name.as_str().to_owned()),
        });
        if chat.made {
            HttpResponse::Created().json(body)
        } else {
            HttpResponse::Ok().json(body)
        }
    };
    let known = match &name {
        Some(name) => {
            let proven = visitor.as_ref().map(|visitor| visitor.id);
            conversations.find_stored_chat(channel.workspace_id, name, proven).await.map_err(no_chat)?
        }
        None => None,
    };
    // After the look for the chat: what made a chat that is there is there, too, and the repeat gets its key.
    if let Some(once) = once
        && let Some(made) = conversations.stored_chat_made_before(once).await?
    {
        return Ok(answer(&made));
    }
    if known.is_none() {
        if visitor.is_none() {
            state.limits.new_visitor(address)?;
        }
        state.limits.new_conversation(address)?;
    }
    let starter = match visitor {
        Some(visitor) => {
            let (visitors, edit) = (state.visitors.clone(), edit_of(data));
            let visitor = to_the_end(async move { visitors.edit(visitor.workspace_id, visitor.id, edit).await }).await??;
            Starter::Known(visitor.into(), EditVisitor::default())
        }
        // Of a known chat nothing is changed: whoever knows its id may write, and is not its visitor.
        None => Starter::New(data),
    };
    if let Some(known) = known {
        return Ok(answer(&StoredChat {
            conversation: known.into(),
            key: None,
            made: false,
        }));
    }
    let begun = name.clone();
    let chat = to_the_end(async move { conversations.begin_stored_chat(&channel, begun.as_ref(), starter, once).await }).await??;
    Ok(answer(&chat))
}

/// What was told, as a change of a known visitor: what was left out stays.
fn edit_of(data: NewVisitor) -> EditVisitor {
    EditVisitor {
        name: data.name.map(Some),
        email: data.email.map(Some),
        phone: data.phone.map(Some),
        locale: data.locale.map(Some),
        metadata: data.metadata.map(Some),
        external_id: data.external_id,
        context: Some(data.context),
    }
}
