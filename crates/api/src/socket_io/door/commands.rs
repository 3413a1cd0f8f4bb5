//! What each command does. The sender is always the login's; the rules are the domain's.

use super::super::engine::Sender;
use super::super::packet::{self, MAIN};
use super::frames;
use super::protocol::{ERROR, PartyCommand, PartyDone, PartyMessage, PartyMoved, PartyRead, PartyReply, PartySent, PartySubscribe, PartySubscribed};
use crate::families::marketplace::{
    ConversationShape, MarketplaceActionRequest, MessageBody, MessageShape, ReadConversationResponse, id_of, number_of, reference_of,
};
use crate::families::shared::ActionRequest;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::ws::hub::{Client, DoorItem, DoorQueue};
use crate::ws::identity::Identity;
use crate::ws::protocol::{ErrorBody, Nothing, ResumeResult};
use actix_web::web;
use bytes::Bytes;
use parlor_domain::conversation::{Audience, Catchup, Conversation, ConversationRef, ReadError};
use parlor_domain::id::{ConversationId, RoomKey};
use serde_json::value::to_raw_value;
use std::rc::Rc;
use std::sync::Arc;

/// What the commands of one connection share.
pub struct Context {
    /// Services and settings.
    pub state: web::Data<AppState>,
    /// The connection.
    pub client: Arc<Client>,
    /// What happened and waits for it.
    pub queue: Arc<DoorQueue>,
    /// The way to it.
    pub sender: Sender,
}

/// What came of a command: the acknowledgement, and what was missed and is told right after it.
struct Done {
    data: PartyDone,
    start: Option<Catchup>,
}

impl From<PartyDone> for Done {
    fn from(data: PartyDone) -> Self {
        Self { data, start: None }
    }
}

/// The packet that acknowledges a command, or tells that one was refused that wants no acknowledgement.
pub fn answer(id: Option<u64>, result: Result<PartyDone, ErrorBody>) -> Option<Bytes> {
    let refused = result.is_err();
    let reply = PartyReply::from(result);
    match id {
        Some(id) => to_raw_value(&reply).ok().map(|payload| packet::ack(MAIN, id, &payload)),
        None if refused => Some(frames::event(ERROR, &reply)),
        None => None,
    }
}

/// Does a command, and answers it.
pub async fn run(context: Rc<Context>, id: Option<u64>, command: PartyCommand) {
    // Whoever lost its rights does nothing any more; its connection is being closed.
    if !context.state.hub.renew(&context.client).await {
        return;
    }
    let (result, start) = match context.execute(command).await {
        Ok(Done { data, start }) => (Ok(data), start),
        Err(problem) => (Err(ErrorBody::from(problem)), None),
    };
    let answer = answer(id, result);
    match start {
        None => answer.into_iter().for_each(|packet| context.sender.send(packet)),
        Some(catchup) => {
            // It goes the way of the events: what came unasked stands before it, what was asked for behind it.
            answer.into_iter().for_each(|packet| context.queue.put(DoorItem::Packet(packet)));
            context.state.hub.start(&context.client, &catchup);
        }
    }
}

/// The holder of a room key follows its one room from the beginning, since it may belong to another visitor later.
///
/// # Errors
/// The room is gone, or cannot be read now.
pub async fn follow_room(context: &Context) -> Result<(), ReadError> {
    let identity = context.client.identity();
    let Identity::Room(room) = &identity else { return Ok(()) };
    let (hub, id) = (&context.state.hub, room.conversation_id);
    if hub.join_new(&context.client, id, id.0) {
        let conversation = context.state.reader.get(identity.viewer(), id).await?;
        hub.start(&context.client, &without_changes(conversation, false));
    }
    Ok(())
}

fn without_changes(conversation: Conversation, reset: bool) -> Catchup {
    Catchup {
        conversation,
        messages: Vec::new(),
        tell_conversation: None,
        reset,
    }
}

impl Context {
    async fn execute(&self, command: PartyCommand) -> Result<Done, Problem> {
        match command {
            PartyCommand::Message(message) => self.message(message).await.map(Done::from),
            PartyCommand::Read(read) => self.read(read).await.map(Done::from),
            PartyCommand::Subscribe(subscribe) => self.subscribe(subscribe).await,
            PartyCommand::Action(action) => self.act(action).await.map(Done::from),
            PartyCommand::Ping => Ok(PartyDone::Nothing(Nothing {}).into()),
        }
    }

    /// The conversation that a client names, if it is the client's.
    async fn own(&self, named: &str) -> Result<Conversation, Problem> {
        let not_found = || Problem::not_found("conversation");
        let reference = ConversationRef::parse(named).map_err(|_| not_found())?;
        let identity = self.client.identity();
        let found = match (
            self.state.reader.by_name(identity.viewer(), &reference).await,
            reference.as_str().parse::<RoomKey>(),
        ) {
            // Customers of rooms know them by their keys.
            (Err(ReadError::NotFound), Ok(key)) => self.state.reader.by_room_key(key).await?,
            (found, _) => found?,
        };
        // The holder of a room key is its visitor in this room only.
        if identity.is_party_of(&found) { Ok(found) } else { Err(not_found()) }
    }

    async fn message(&self, command: PartyMessage) -> Result<PartyDone, Problem> {
        let identity = self.client.identity();
        let body = MessageBody::read(&command.message).ok_or_else(|| Problem::field("message", "must be a JSON object"))?;
        let message = body.parse(identity.side(), "message.")?;
        let conversation = self.own(&command.conversation_id).await?;
        let sent = self.state.conversations.send_message(identity.actor(), conversation.id, message).await?;
        Ok(PartyDone::Sent(PartySent {
            message_id: sent.message.id.0,
            id: number_of(&sent.message, &sent.conversation),
            seq: sent.message.seq,
            rev: sent.message.rev.unwrap_or_default(),
            created_at: sent.message.created_at.to_rfc3339(),
            duplicate: sent.repeated,
        }))
    }

    async fn read(&self, command: PartyRead) -> Result<PartyDone, Problem> {
        if command.up_to_seq.is_some_and(|seq| seq < 0) {
            return Err(Problem::field("upToSeq", "must not be negative"));
        }
        let conversation = self.own(&command.conversation_id).await?;
        let actor = self.client.identity().actor();
        let conversation = self.state.conversations.mark_read(actor, conversation.id, command.up_to_seq).await?;
        let shape = ConversationShape::new(&conversation, None);
        Ok(PartyDone::Read(ReadConversationResponse {
            conversation_id: shape.id,
            is_read_by_seller: shape.is_read_by_seller,
            is_read_by_customer: shape.is_read_by_customer,
        }))
    }

    async fn act(&self, command: MarketplaceActionRequest) -> Result<PartyDone, Problem> {
        let named = reference_of(&command.message_id).ok_or_else(|| Problem::field("messageId", "must be the number or the UUID of a message"))?;
        let action = ActionRequest {
            action: command.action,
            offer_price: command.offer_price,
            starts_at: command.starts_at,
        };
        let action = action.parse()?;
        let identity = self.client.identity();
        let conversation = self.own(&command.conversation_id).await?;
        let conversations = &self.state.conversations;
        let moved = conversations.marketplace_move(identity.actor(), &conversation, &named, action).await?;
        Ok(PartyDone::Moved(PartyMoved {
            conversation_id: id_of(&moved.conversation),
            rev: moved.message.rev.unwrap_or_default(),
            message: MessageShape::new(&moved.message, &moved.conversation, &self.state.links),
        }))
    }

    /// Begins anew from a number: what came unasked and waits is told behind the acknowledgement. Without a number nothing begins anew.
    async fn subscribe(&self, command: PartySubscribe) -> Result<Done, Problem> {
        let id = self.own(&command.conversation_id).await?.id;
        let hub = &self.state.hub;
        let joined = match command.after_rev {
            Some(_) => hub.join(&self.client, id, id.0),
            None => hub.join_new(&self.client, id, id.0),
        };
        if !joined && command.after_rev.is_some() {
            return Err(Problem::new(Code::Unavailable, "The connection ends; come back."));
        }
        let catchup = self.read_from(id, command.after_rev).await.inspect_err(|_| {
            if joined {
                hub.go_on(&self.client, id);
            }
        })?;
        let conversation = &catchup.conversation;
        let shape = ConversationShape::new(conversation, None);
        Ok(Done {
            data: PartyDone::Subscribed(PartySubscribed {
                conversation_id: shape.id,
                result: if catchup.reset { ResumeResult::Reset } else { ResumeResult::Ok },
                head_seq: conversation.last_seq,
                head_rev: conversation.head_rev(Audience::Public),
                is_read_by_seller: shape.is_read_by_seller,
                is_read_by_customer: shape.is_read_by_customer,
            }),
            start: joined.then_some(catchup),
        })
    }

    async fn read_from(&self, id: ConversationId, after: Option<i64>) -> Result<Catchup, ReadError> {
        let viewer = self.client.identity().viewer();
        let Some(after) = after else {
            return Ok(without_changes(self.state.reader.get(viewer, id).await?, false));
        };
        let catchup = self.state.reader.catch_up(viewer, id, after).await?;
        let changes = catchup.messages.len() + usize::from(catchup.tell_conversation.is_some());
        if changes > self.queue.headroom() {
            return Ok(without_changes(catchup.conversation, true));
        }
        Ok(catchup)
    }
}
