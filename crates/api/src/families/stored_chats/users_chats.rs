use crate::extract::{PageQuery, StaffAuth};
use crate::families::shared::{CommonProblems, QueryProblems, StaffProblems};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, get, web};
use parlor_domain::conversation::{ChatsOfVisitor, Conversation};
use parlor_domain::message::{Message, SenderKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How many messages of each chat are shown.
const MESSAGES: usize = 100;

/// Who said something in a stored chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoredRoleWord {
    /// The visitor.
    User,
    /// The page's own assistant, as the browser reports it.
    Assistant,
    /// A human on our side.
    Agent,
    /// The server.
    System,
}

impl From<SenderKind> for StoredRoleWord {
    fn from(kind: SenderKind) -> Self {
        match kind {
            SenderKind::Visitor => Self::User,
            SenderKind::Assistant => Self::Assistant,
            SenderKind::Agent => Self::Agent,
            SenderKind::System => Self::System,
        }
    }
}

/// One message of a stored chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsersChatMessage {
    /// Who said it.
    pub role: StoredRoleWord,
    /// What; empty once deleted.
    #[schema(example = "Is it still available?")]
    pub content: String,
    /// When: by the browser's clock if it told, else when it was stored.
    #[schema(example = "2026-11-20T09:00:03.000Z", format = DateTime)]
    pub timestamp: String,
    /// Whether a browser merely claims it.
    #[schema(example = true)]
    pub reported: bool,
}

impl From<&Message> for UsersChatMessage {
    fn from(message: &Message) -> Self {
        Self {
            role: message.sender.kind.into(),
            content: message.text.clone(),
            timestamp: message.sent_at.unwrap_or(message.created_at).to_rfc3339(),
            reported: message.sender.reported,
        }
    }
}

/// A stored chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsersChat {
    /// The internal id of the conversation, as under `/api/admin/chat-rooms/`.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000a1")]
    pub chat_id: Uuid,
    /// All its messages.
    #[schema(example = 4)]
    pub message_count: i64,
    /// The beginning of the last one.
    #[schema(example = "Yes, it is.")]
    pub last_message: Option<String>,
    /// When that was stored.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_message_at: String,
    /// The newest 100, oldest first; fewer if their texts have more than 1 MiB.
    pub messages: Vec<UsersChatMessage>,
}

impl UsersChat {
    fn new((chat, messages): (Conversation, Vec<Message>)) -> Self {
        Self {
            chat_id: chat.id.0,
            message_count: chat.last_seq,
            last_message: chat.last_message,
            last_message_at: chat.last_message_at.to_rfc3339(),
            messages: messages.iter().map(UsersChatMessage::from).collect(),
        }
    }
}

/// A visitor with its stored chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserWithChats {
    /// The internal id: names the person, opens nothing.
    #[schema(example = "018f6a3e-5b1c-7000-8000-000000000077")]
    pub user_id: Uuid,
    /// What the person calls itself.
    #[schema(example = "Nadia")]
    pub name: Option<String>,
    /// The e-mail address, claimed or verified.
    #[schema(example = "nadia@example.com")]
    pub email: Option<String>,
    /// The address of the person's last request.
    #[schema(example = "203.0.113.9")]
    pub ip: Option<String>,
    /// Where that is.
    #[schema(example = "Melk, Austria")]
    pub location: Option<String>,
    /// Browser, system and kind of device.
    #[schema(example = "Firefox on Windows 10 (desktop)")]
    pub device: Option<String>,
    /// When the person first came.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    pub created_at: String,
    /// When the person was last here.
    #[schema(example = "2026-11-20T09:00:03.120Z", format = DateTime)]
    pub last_seen_at: String,
    /// The chats, newest activity first.
    pub chats: Vec<UsersChat>,
}

impl UserWithChats {
    fn new(found: ChatsOfVisitor) -> Self {
        let visitor = found.visitor;
        Self {
            user_id: visitor.id.0,
            location: visitor.context.location(),
            device: visitor.context.device_name(),
            name: visitor.name.map(|name| name.into_string()),
            email: visitor.email.map(|email| email.value.as_str().to_owned()),
            ip: visitor.context.ip,
            created_at: visitor.created_at.to_rfc3339(),
            last_seen_at: visitor.last_seen_at.to_rfc3339(),
            chats: found.chats.into_iter().map(UsersChat::new).collect(),
        }
    }
}

/// Visitors with their stored chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsersChatsResponse {
    /// Always true; refusals have false.
    #[schema(example = true)]
    pub success: bool,
    /// The visitors.
    pub data: Vec<UserWithChats>,
    /// `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

/// List visitors with their stored chats, newest activity first
///
/// Chats with at least one message. A page is of chats: who has some on two pages is on both. It ends before `limit` when the texts have
/// more than 4 MiB; `next` tells where the list goes on.
#[utoipa::path(path = "/api/debug/users-chats/", tag = "Stored chats for agents", security(("staff" = [])), params(PageQuery), responses(
    (status = 200, description = "A page", body = UsersChatsResponse), QueryProblems, StaffProblems, CommonProblems))]
#[get("/api/debug/users-chats")]
pub async fn list_users_chats(staff: StaffAuth, page: web::Query<PageQuery>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = page.parse()?;
    let page = state.conversations.stored_chats(staff.0.workspace_id, cursor, limit, MESSAGES).await?;
    Ok(HttpResponse::Ok().json(UsersChatsResponse {
        success: true,
        data: page.items.into_iter().map(UserWithChats::new).collect(),
        next: page.next.map(|cursor| cursor.encode()),
    }))
}
