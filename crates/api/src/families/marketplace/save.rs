use super::{ConversationShape, MessageBody, MessageShape, VEHICLE, must_be_own, named, reference_of};
use crate::extract::{Body, ClientAddress, Fields, OptionalBody, PartyAuth, channel_for, idempotency_key, to_the_end};
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem, NotFoundProblem, StaffProblems, channel_of};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, delete, post, web};
use parlor_domain::agent::Role;
use parlor_domain::conversation::{ConversationRef, Party, ReadError, Save, SaveError, SavedMessage, Subject, SubjectEdit};
use parlor_domain::message::{Side, price_of};
use parlor_domain::text::{Email, Line, Name};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::{IntoParams, ToSchema};

/// The most messages in one body.
const MOST: usize = 1_000;

/// After so many wrong messages the others are not looked at.
const MOST_WRONG: usize = 100;

/// A conversation as its client holds it. All of it may be missing, and other fields are ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SaveConversationRequest {
    /// The client's own id, 1–200 characters; without it a conversation begins under ours.
    #[schema(example = "conv_123", max_length = 200)]
    pub id: Option<String>,
    /// The customer's e-mail address. Of the caller's own side it must be the caller's.
    #[schema(example = "nadia@example.com", max_length = 254)]
    pub customer_id: Option<String>,
    /// What the customer is called; believed only while the host site's token has no name.
    #[schema(example = "Nadia", max_length = 200)]
    pub customer_name: Option<String>,
    /// The seller's e-mail address; required when the conversation begins.
    #[schema(example = "mia@example.com", max_length = 254)]
    pub seller_id: Option<String>,
    /// The listing's number on the host site.
    #[schema(value_type = Option<f64>, example = 4711, minimum = 0)]
    pub vehicle_id: Option<Number>,
    /// What the listing is called; it may change.
    #[schema(example = "VW Golf 1.4 TSI", max_length = 500)]
    pub vehicle_name: Option<String>,
    /// What it costs; it may change.
    #[schema(value_type = Option<f64>, example = 18_900, minimum = 0)]
    pub vehicle_price: Option<Number>,
    /// The messages, at most 1,000. Own ones that are new are stored; of the other side's, `payload.status` may move an offer on.
    #[schema(value_type = Option<Vec<MessageBody>>, max_items = 1_000)]
    pub messages: Option<Vec<Value>>,
    /// True from the seller: it has read these messages.
    #[schema(example = false)]
    pub is_read_by_seller: Option<bool>,
    /// True from the customer: it has read these messages.
    #[schema(example = true)]
    pub is_read_by_customer: Option<bool>,
    /// True puts up a flag.
    #[schema(example = false)]
    pub is_flagged: Option<bool>,
    /// Why.
    #[schema(example = "Asks for a deposit by mail", max_length = 500)]
    pub flag_reason: Option<String>,
}

/// A save, and what of it cannot be told by the domain's words.
struct ParsedSave {
    save: Save,
    /// Which messages of the body are in the save.
    places: Vec<usize>,
    /// Messages of the other side that say nothing.
    ignored: usize,
}

impl SaveConversationRequest {
    fn parse(self, party: &Party) -> Result<ParsedSave, Problem> {
        let own = party.side();
        let ((own_field, own_id), (other_field, other_id), read) = match own {
            Side::Visitor => (("customerId", &self.customer_id), ("sellerId", &self.seller_id), self.is_read_by_customer),
            Side::Agent => (("sellerId", &self.seller_id), ("customerId", &self.customer_id), self.is_read_by_seller),
        };
        if let Some(id) = own_id.as_deref().filter(|id| !id.trim().is_empty()) {
            must_be_own(party, own_field, id)?;
        }
        let mut fields = Fields::new();
        let other = fields.optional(other_field, other_id.as_deref(), Email::parse);
        if other.as_ref() == Some(party.email()) {
            fields.wrong(other_field, "must be another address than your own");
        }
        let reference = self.id.as_deref().and_then(|id| fields.parsed("id", ConversationRef::parse(id)));
        let title = fields.optional("vehicleName", self.vehicle_name.as_deref(), Line::parse);
        let mut number = |field: &str, number: Option<Number>| {
            let number = price_of(&Value::Number(number?));
            fields.parsed(field, number.ok_or("must not be negative"))
        };
        let vehicle = number("vehicleId", self.vehicle_id);
        let price = number("vehiclePrice", self.vehicle_price);
        let name = self.customer_name.as_deref().filter(|name| !name.trim().is_empty());
        let name = fields.optional("customerName", name, Name::parse);
        let reason = fields.optional("flagReason", self.flag_reason.as_deref(), Line::parse);
        let messages = self.messages.unwrap_or_default();
        if messages.len() > MOST {
            return Err(Problem::field("messages", format!("must have at most {MOST} messages; save the rest with PUT")));
        }
        let mut parsed = ParsedMessages::default();
        for (place, message) in messages.iter().enumerate() {
            if parsed.wrong == MOST_WRONG {
                break;
            }
            parsed.take(&mut fields, own, place, message);
        }
        fields.finish()?;
        let subject = (vehicle.is_some() || title.is_some() || price.is_some()).then(|| Subject {
            kind: VEHICLE.to_owned(),
            external_id: vehicle.map(|id| id.to_string()),
            title: title.clone().map(Line::into_string).unwrap_or_default(),
            price: price.clone(),
        });
        Ok(ParsedSave {
            save: Save {
                reference,
                seller: other.filter(|_| own == Side::Visitor),
                subject_edit: SubjectEdit {
                    first: subject.clone(),
                    title,
                    price,
                },
                subject,
                messages: parsed.messages,
                read: read == Some(true),
                flag: (self.is_flagged == Some(true)).then_some(reason),
                customer_name: name,
                once: None,
            },
            places: parsed.places,
            ignored: parsed.ignored,
        })
    }
}

#[derive(Default)]
struct ParsedMessages {
    messages: Vec<SavedMessage>,
    places: Vec<usize>,
    ignored: usize,
    wrong: usize,
}

impl ParsedMessages {
    /// Wrong messages of the caller's own are refused, since they would be stored; those of the other side are left out.
    fn take(&mut self, fields: &mut Fields, own: Side, place: usize, message: &Value) {
        let name = format!("messages[{place}].");
        let mut wrong = Fields::new();
        let Some(body) = MessageBody::read(message) else {
            fields.wrong(&format!("messages[{place}]"), "must be a JSON object");
            self.wrong += 1;
            return;
        };
        let sender = body.sender(&mut wrong, &name);
        let unknown = body.sender.is_some() && sender.is_none();
        let side = sender.map_or(Some(own), |sender| sender.side());
        let reference = body.id.as_ref().and_then(reference_of);
        let reference = wrong.parsed(
            &format!("{name}id"),
            reference.ok_or("must be a number more than 0 and less than 8000000000000000"),
        );
        let content = body.content(&mut wrong, &name);
        match (reference, content) {
            (Some(reference), Some(content)) if !unknown => {
                self.places.push(place);
                self.messages.push(SavedMessage {
                    reference,
                    side,
                    text: body.text(content.proposal.as_ref()),
                    proposal: content.proposal,
                    sent_at: content.sent_at,
                });
            }
            _ if unknown || side == Some(own) => {
                self.wrong += 1;
                fields.append(wrong);
            }
            _ => self.ignored += 1,
        }
    }
}

/// Save a conversation
///
/// What a client holds, as a whole; it may be repeated, from any number of devices. An unknown `id` begins a conversation, which a customer
/// may do. Own messages that are new are stored, in their order, with their `timestamp` as `sentAt`. Messages of the other side are matched
/// by `id` and never stored: one whose `payload.status` differs is an offer's move, and those that nobody here knows are counted in
/// `Parlor-Ignored`. The own side's read flag moves its mark to the newest message of the body.
#[utoipa::path(path = "/api/conversations", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), request_body = SaveConversationRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Begins only once, if the body has no `id`", nullable = false)),
    responses(
        (status = 201, description = "Begun", body = ConversationShape,
            headers(("Parlor-Ignored" = Option<i64>, description = "How many messages were left out, if any"))),
        (status = 200, description = "Known before, as it is now", body = ConversationShape,
            headers(("Parlor-Ignored" = Option<i64>, description = "How many messages were left out, if any"))),
        BodyProblems, StaffProblems, NotFoundProblem, ConflictProblem, CommonProblems))]
#[post("/api/conversations")]
pub async fn save_marketplace_conversation(
    http: HttpRequest,
    address: ClientAddress,
    auth: PartyAuth,
    request: Body<SaveConversationRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let party = auth.0;
    let side = party.side();
    let content = serde_json::to_vec(&request.0).map_err(|error| Problem::internal(&error))?;
    let ParsedSave { mut save, places, ignored } = request.0.parse(&party)?;
    if save.reference.is_none() {
        // With an id of the client's own it is known again anyway.
        save.once = idempotency_key(&http, "marketplace", party.email().as_str(), &content)?;
    }
    let channel = match &party {
        Party::Customer(visitor, _) => {
            if is_unknown(&state, &party, save.reference.as_ref()).await? {
                state.limits.new_conversation(address)?;
            }
            channel_of(&state, visitor).await?
        }
        Party::Seller(..) => channel_for(&http, &state, None).await?,
    };
    let (conversations, sellers) = (state.conversations.clone(), state.sellers.clone());
    let saved = to_the_end(async move { conversations.marketplace_save(&sellers, &party, &channel, save).await }).await?;
    let saved = saved.map_err(|error| match error {
        SaveError::Message(place, wrong) => SaveError::Message(places.get(place).copied().unwrap_or(place), wrong),
        error => error,
    })?;
    let mut response = if saved.made { HttpResponse::Created() } else { HttpResponse::Ok() };
    let ignored = ignored + saved.ignored;
    if ignored > 0 {
        response.insert_header(("parlor-ignored", ignored));
    }
    let saved = saved.conversation;
    let newest = MessageShape::all(&saved.messages, &saved.conversation, &state.links);
    Ok(response.json(ConversationShape::new(&saved.conversation, Some(newest)).for_side(&saved.conversation, side)))
}

async fn is_unknown(state: &AppState, party: &Party, reference: Option<&ConversationRef>) -> Result<bool, Problem> {
    let Some(named) = reference else { return Ok(true) };
    match state.conversations.marketplace_find(party, named).await {
        Ok(_) => Ok(false),
        Err(ReadError::NotFound) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Which conversation to delete.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteConversationParams {
    /// Its id; or in the body.
    #[param(nullable = false, example = "conv_123", max_length = 200)]
    id: Option<String>,
}

/// Which conversation to delete, if the query does not say so.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeleteConversationRequest {
    /// Its id.
    #[schema(example = "conv_123", max_length = 200)]
    pub id: Option<String>,
}

/// Delete a conversation
///
/// By its customer, its seller, or an admin of the workspace. It is gone for both parties at once; admins still see it among the deleted
/// ones, until it is erased after 30 days.
#[utoipa::path(path = "/api/conversations", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), params(DeleteConversationParams),
    request_body = Option<DeleteConversationRequest>,
    responses((status = 204, description = "Deleted"), BodyProblems, StaffProblems, NotFoundProblem, CommonProblems))]
#[delete("/api/conversations")]
pub async fn delete_marketplace_conversation(
    auth: PartyAuth,
    params: web::Query<DeleteConversationParams>,
    request: OptionalBody<DeleteConversationRequest>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = params.into_inner().id.or(request.0.id).ok_or_else(|| Problem::field("id", "is required"))?;
    let named = named("id", &id)?;
    let is_admin = matches!(&auth.0, Party::Seller(agent, _) if agent.role >= Role::Admin);
    let conversation = match state.conversations.marketplace_find(&auth.0, &named).await {
        Err(ReadError::NotFound) if is_admin => state.conversations.marketplace_find_any(auth.0.workspace(), &named).await,
        found => found,
    }?;
    state.conversations.delete(auth.0.actor(), conversation.id).await?;
    Ok(HttpResponse::NoContent().finish())
}
