use crate::extract::{ClientAddress, Fields, OptionalBody, PageQuery, RoomAuth, channel_for, idempotency_key, to_the_end};
use crate::families::shared::{
    BodyProblems, CommonProblems, ConflictProblem, ListResponse, NotFoundProblem, ProvenVisitor, QueryProblems, RoomResponse, StaffProblems, channel_of,
    visitor_context,
};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use parlor_domain::conversation::{BeginConversation, Begun, ConversationKind, Starter, Subject};
use parlor_domain::text::{ClientId, Email, Line, MessageText, Metadata, Name};
use parlor_domain::visitor::{EditVisitor, NewVisitor, VisitorContext};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A new room. All of it may be missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateRoomRequest {
    /// What the customer calls itself.
    #[schema(example = "Nadia", max_length = 200)]
    pub customer_name: Option<String>,
    /// The customer's e-mail address: a claim, no proof.
    #[schema(example = "nadia@example.com", max_length = 254)]
    pub customer_email: Option<String>,
    /// What it is about.
    #[schema(example = "Order 1042", max_length = 500)]
    pub subject: Option<String>,
    /// The visitor key of a known visitor; without it a visitor is made.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34", format = Uuid)]
    pub visitor_id: Option<String>,
    /// The first message, stored together with the room.
    #[schema(example = "Is it still available?", max_length = 10_000)]
    pub message: Option<String>,
    /// The client's own id of the first message.
    #[schema(example = "w-1763629200123-1", max_length = 64)]
    pub client_id: Option<String>,
    /// Facts the page attaches, at most 8 KiB.
    #[schema(value_type = Option<Object>, example = json!({"page": "/checkout"}))]
    pub metadata: Option<serde_json::Value>,
    /// The channel it comes in by; also as query parameter or header `X-Parlor-Channel`.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000f1", format = Uuid)]
    pub channel: Option<String>,
}

impl CreateRoomRequest {
    fn parse(self, proven: Option<&ProvenVisitor>, context: VisitorContext) -> Result<BeginConversation, Problem> {
        let mut fields = Fields::new();
        let name = fields.optional("customer_name", self.customer_name.as_deref(), Name::parse);
        let email = fields.optional("customer_email", self.customer_email.as_deref(), Email::parse);
        let subject = fields.optional("subject", self.subject.as_deref(), Line::parse);
        let text = fields.optional("message", self.message.as_deref(), MessageText::parse);
        let client_id = self.client_id.as_deref().and_then(|id| fields.parsed("client_id", ClientId::parse(id)));
        let metadata = self.metadata.and_then(|metadata| fields.parsed("metadata", Metadata::parse(metadata)));
        fields.finish()?;
        let starter = match proven {
            Some(proven) => Starter::Known(
                proven.visitor.clone(),
                EditVisitor {
                    name: name.map(Some),
                    email: email.map(Some),
                    ..EditVisitor::default()
                },
            ),
            None => Starter::New(NewVisitor {
                name,
                email,
                context,
                ..NewVisitor::default()
            }),
        };
        Ok(BeginConversation {
            starter,
            kind: ConversationKind::Room,
            client_ref: None,
            seller: None,
            subject: subject.map(|title| Subject {
                kind: "text".to_owned(),
                external_id: None,
                title: title.into_string(),
                price: None,
            }),
            metadata: metadata.map(|metadata| metadata.value().clone()),
            message: text.map(|text| (text, client_id)),
        })
    }
}

/// A new room with its visitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatedRoomResponse {
    /// The room.
    #[serde(flatten)]
    pub room: RoomResponse,
    /// The visitor key: of a new visitor told only here, else as it was sent. Null for a customer with a token of the host site.
    #[schema(example = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34")]
    pub visitor_id: Option<Uuid>,
}

/// Create a room
///
/// Without `visitor_id` (or `Authorization: Bearer`) a visitor is made, whose key is in the answer. `id` of the answer is the room key: it
/// names the room and proves it.
#[utoipa::path(path = "/api/public/chat-rooms/", tag = "Rooms", security((), ("visitor" = [])), request_body = Option<CreateRoomRequest>,
    params(
        ("channel" = Option<Uuid>, Query, description = "The channel it comes in by", nullable = false),
        ("X-Parlor-Channel" = Option<Uuid>, Header, description = "The same as header", nullable = false),
        ("Idempotency-Key" = Option<String>, Header, description = "The same again within 24 h gives the same room", nullable = false),
    ),
    responses(
        (status = 201, description = "Created", body = CreatedRoomResponse),
        (status = 200, description = "Created before, under this `Idempotency-Key`", body = CreatedRoomResponse),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/public/chat-rooms")]
pub async fn create_room(
    http: HttpRequest,
    address: ClientAddress,
    request: OptionalBody<CreateRoomRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    state.limits.new_conversation(address)?;
    let request = request.0;
    let proven = ProvenVisitor::of(&http, &state, request.visitor_id.as_deref()).await?;
    let caller = match &proven {
        Some(proven) => proven.visitor.id.to_string(),
        None => {
            state.limits.new_visitor(address)?;
            address.0.to_string()
        }
    };
    let channel = match (&proven, request.channel.as_deref()) {
        (Some(proven), None) => channel_of(&state, &proven.visitor).await?,
        (_, named) => channel_for(&http, &state, named).await?,
    };
    let content = serde_json::to_vec(&request).map_err(|error| Problem::internal(&error))?;
    let once = idempotency_key(&http, "room", &caller, &content)?;
    let begin = request.parse(proven.as_ref(), visitor_context(&http, address))?;
    let conversations = state.conversations.clone();
    let Begun {
        key, conversation, repeated, ..
    } = to_the_end(async move { conversations.begin(&channel, begin, once).await }).await??;
    let key = key.or_else(|| proven.and_then(|proven| proven.key));
    let body = CreatedRoomResponse {
        room: RoomResponse::new(&conversation),
        visitor_id: key.map(|key| key.expose()),
    };
    Ok(if repeated {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::Created().json(body)
    })
}

/// Whose rooms.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RoomListParams {
    /// The visitor key, or the key as `Authorization: Bearer`.
    #[param(nullable = false, format = Uuid)]
    pub visitor_id: Option<String>,
    /// True: the rooms without a message, instead of those with.
    #[param(nullable = false)]
    pub empty: Option<bool>,
}

/// List the caller's own rooms, newest activity first
///
/// By `visitor_id` or Bearer; without either an empty list. All conversations of the visitor, whichever door they began by. A page may have
/// fewer than `limit` and still a `next`.
#[utoipa::path(path = "/api/public/chat-rooms/", tag = "Rooms", security((), ("visitor" = [])), params(RoomListParams, PageQuery), responses(
    (status = 200, description = "A page", body = ListResponse<RoomResponse>), QueryProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[get("/api/public/chat-rooms")]
pub async fn list_own_rooms(
    http: HttpRequest,
    params: web::Query<RoomListParams>,
    page: web::Query<PageQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = page.parse()?;
    let Some(ProvenVisitor { visitor, .. }) = ProvenVisitor::of(&http, &state, params.visitor_id.as_deref()).await? else {
        return Ok(HttpResponse::Ok().json(ListResponse::<RoomResponse>::empty()));
    };
    let mut page = state.reader.list_of_visitor(visitor.workspace_id, visitor.id, cursor, limit).await?;
    let empty = params.empty.unwrap_or(false);
    page.items.retain(|conversation| (conversation.last_seq == 0) == empty);
    Ok(HttpResponse::Ok().json(ListResponse::new(page.map(|conversation| RoomResponse::new(&conversation)))))
}

/// Get a room
#[utoipa::path(path = "/api/public/chat-rooms/{id}/", tag = "Rooms", security(()),
    params(("id" = Uuid, Path, description = "The room key")),
    responses((status = 200, description = "The room", body = RoomResponse), NotFoundProblem, CommonProblems))]
#[get("/api/public/chat-rooms/{id}")]
pub async fn get_own_room(room: RoomAuth) -> HttpResponse {
    HttpResponse::Ok().json(RoomResponse::new(&room.conversation))
}
