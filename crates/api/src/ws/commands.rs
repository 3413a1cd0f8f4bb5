//! What each command does. The sender is always the login's; the rules are the domain's.

use super::hub::{Client, MAX_SUBSCRIPTIONS, encode, missed};
use super::identity::Identity;
use super::login;
use super::protocol::{
    Command, ConversationMessage, ConversationSubscribe, ConversationTyping, ConversationViewing, DeliveredReply, ErrorBody, Event, InboxSubscribe, MarkReply,
    MarksDelivered, MarksRead, Nothing, PresenceSet, RefreshReply, ReplyData, ReplyFrame, Resume, ResumeResult, Resumed, SentReply, SessionHello, SessionReply,
    StateWord, SubscribeReply, VERSION, VisitorPage,
};
use super::queue::{Headroom, Queue};
use super::wire::{self, MAX_MESSAGE};
use crate::extract::Fields;
use crate::families::shared::Content;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::web;
use parlor_domain::conversation::{Audience, Catchup, Conversation, ReadError, Viewer};
use parlor_domain::event::Signal;
use parlor_domain::id::{ChannelId, ConversationId, MessageId, RoomKey, VisitorId};
use parlor_domain::message::Side;
use parlor_domain::text::{ClientId, Line};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// A visitor's page is told at most this often.
const PAGE_EVERY: Duration = Duration::from_secs(2);
/// The most characters of an address of a page.
const MAX_URL: usize = 2_000;

/// What the commands of one socket share.
pub struct Context {
    /// Services and settings.
    pub state: web::Data<AppState>,
    /// The socket.
    pub client: Arc<Client>,
    /// What waits for it.
    pub queue: Arc<Queue>,
    channel: Option<ChannelId>,
    page_at: Cell<Option<Instant>>,
    viewing: RefCell<HashSet<ConversationId>>,
}

/// What came of a command: the reply, and the subscriptions that begin right after it.
struct Done {
    data: ReplyData,
    start: Vec<Catchup>,
}

impl From<ReplyData> for Done {
    fn from(data: ReplyData) -> Self {
        Self { data, start: Vec::new() }
    }
}

const NOTHING: ReplyData = ReplyData::Nothing(Nothing {});

impl Context {
    /// Begins.
    #[must_use]
    pub fn new(state: web::Data<AppState>, client: Arc<Client>, queue: Arc<Queue>, channel: Option<ChannelId>) -> Self {
        Self {
            state,
            client,
            queue,
            channel,
            page_at: Cell::new(None),
            viewing: RefCell::default(),
        }
    }

    /// The socket ends: it has nothing open any more.
    pub fn stop_viewing(&self) {
        for conversation in self.viewing.take() {
            self.tell_viewing(conversation, false);
        }
    }

    fn tell_viewing(&self, conversation_id: ConversationId, active: bool) {
        self.state.hub.signal(Signal::Viewing {
            conversation_id,
            agent: self.client.identity().participant(),
            active,
        });
    }
}

/// Does a command, and answers it if it has an id.
pub async fn run(context: Rc<Context>, id: Option<String>, command: Command) {
    let is_hello = matches!(command, Command::Hello(_));
    // Whoever lost its rights does nothing any more; its socket is being closed.
    if !context.state.hub.renew(&context.client).await {
        return;
    }
    let queue = &context.queue;
    let (result, start) = match context.execute(command).await {
        Ok(Done { data, start }) => (Ok(data), start),
        Err(problem) => (Err(ErrorBody::from(problem)), Vec::new()),
    };
    match (id, result) {
        (Some(id), result) => queue.send(wire::text(&ReplyFrame::new(Some(id), result).to_json())),
        // Who said hello without an id learns all the same how the session begins.
        (None, Ok(ReplyData::Session(session))) if is_hello => queue.send(encode(Event::Welcome(session), None, None, Some(context.state.clock.now()))),
        (None, _) => {}
    }
    for catchup in start {
        context.state.hub.start(&context.client, &catchup);
    }
}

/// Greets a client that logged in by its URL. The holder of a room key follows the room at once.
pub async fn welcome(context: &Context) {
    let room = match context.client.identity() {
        Identity::Room(room) => Some(room),
        Identity::Agent(_) | Identity::Seller(_) | Identity::Visitor(_) => None,
    };
    let mut resumed = Vec::new();
    let mut start = Vec::new();
    if let Some(room) = room {
        match context.state.reader.get(context.client.identity().viewer(), room.conversation_id).await {
            Ok(conversation) => {
                let (told, catchup) = context
                    .resume(&conversation.room_key.expose().to_string(), None, &mut context.queue.headroom())
                    .await;
                resumed.push(told);
                start.extend(catchup);
            }
            // A greeting without the room would be a socket that stays silent for ever.
            Err(error) => {
                context.client.close(login::no_room(error));
                return;
            }
        }
    }
    let session = context.session(resumed);
    context.queue.send(encode(Event::Welcome(session), None, None, Some(context.state.clock.now())));
    for catchup in start {
        context.state.hub.start(&context.client, &catchup);
    }
}

fn not_found() -> Problem {
    Problem::not_found("conversation")
}

fn forbidden(why: &str) -> Problem {
    Problem::new(Code::Forbidden, format!("Not allowed: {why}."))
}

impl Context {
    async fn execute(&self, command: Command) -> Result<Done, Problem> {
        match command {
            Command::Hello(hello) => self.hello(hello).await,
            Command::Refresh(refresh) => self.refresh(&refresh.token).await.map(Done::from),
            Command::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Command::Message(message) => self.message(message).await.map(Done::from),
            Command::Read(place) => self.read(&place.conversation_id, place.up_to_seq).await.map(Done::from),
            Command::Delivered(place) => self.delivered(&place.conversation_id, place.up_to_seq).await.map(Done::from),
            Command::Typing(typing) => self.typing(typing).await.map(Done::from),
            Command::Viewing(viewing) => self.view(viewing).await.map(Done::from),
            Command::Presence(presence) => self.set_presence(&presence).map(Done::from),
            Command::Page(page) => self.page(&page).map(Done::from),
            Command::InboxSubscribe(inbox) => self.follow_inbox(&inbox).await.map(Done::from),
            Command::InboxUnsubscribe(_) => {
                self.client.follow_inbox(None);
                Ok(NOTHING.into())
            }
            Command::Unsubscribe(unsubscribe) => {
                // What is not followed needs no end.
                if let Some(id) = unsubscribe.conversation_id.parse().ok().and_then(|known_as| self.client.following(known_as)) {
                    self.state.hub.leave(&self.client, id);
                }
                Ok(NOTHING.into())
            }
            Command::Ping(_) => Ok(NOTHING.into()),
        }
    }

    async fn hello(&self, hello: SessionHello) -> Result<Done, Problem> {
        if hello.resume.len() > MAX_SUBSCRIPTIONS {
            return Err(Problem::field("data.resume", format!("must name at most {MAX_SUBSCRIPTIONS} conversations")));
        }
        // The holder of a room key is known by its address, and by nothing else.
        if let Some(token) = &hello.token
            && !matches!(self.client.identity(), Identity::Room(_))
        {
            self.refresh(token).await?;
        }
        let mut resumed = Vec::new();
        let mut start = Vec::new();
        let mut headroom = self.queue.headroom();
        let mut seen = HashSet::new();
        // One name can be written in several ways; what is no name is no conversation.
        let is_new = |wish: &&Resume| wish.conversation_id.parse::<Uuid>().map_or(true, |known_as| seen.insert(known_as));
        for wish in hello.resume.iter().filter(is_new) {
            let (told, catchup) = self.resume(&wish.conversation_id, Some(wish.after_rev), &mut headroom).await;
            resumed.push(told);
            start.extend(catchup);
        }
        Ok(Done {
            data: ReplyData::Session(self.session(resumed)),
            start,
        })
    }

    fn session(&self, resumed: Vec<Resumed>) -> SessionReply {
        SessionReply {
            connection_id: self.client.name.clone(),
            identity: self.client.identity().shown(),
            protocol: VERSION,
            ping_every_ms: 25_000,
            dead_after_ms: 60_000,
            max_frame_bytes: MAX_MESSAGE,
            server_time: self.state.clock.now().to_rfc3339(),
            resumed,
        }
    }

    async fn resume(&self, named: &str, after: Option<i64>, headroom: &mut Headroom) -> (Resumed, Option<Catchup>) {
        let told = |result, head_seq, head_rev| Resumed {
            conversation_id: named.to_owned(),
            result,
            head_seq,
            head_rev,
        };
        match self.begin(named, after, headroom).await {
            Ok(catchup) => {
                let result = if catchup.reset { ResumeResult::Reset } else { ResumeResult::Ok };
                (
                    told(result, catchup.conversation.last_seq, catchup.conversation.head_rev(self.client.audience)),
                    Some(catchup),
                )
            }
            Err(problem) => {
                if problem.code.is_retryable() {
                    // The database is away, the conversation is not: the client is to come back and ask again.
                    self.client.close(super::close::Close::TooSlow);
                }
                (told(ResumeResult::NotFound, 0, 0), None)
            }
        }
    }

    async fn refresh(&self, token: &str) -> Result<ReplyData, Problem> {
        let identity = login::by_token(&self.state, token, self.client.origin.as_deref(), self.channel).await;
        let known = self.client.identity();
        match identity {
            Ok(identity) if (identity.side(), identity.id()) == (known.side(), known.id()) => {
                let expires_at = identity.expires_at().map(|at| at.to_rfc3339());
                self.client.log_in_again(identity);
                Ok(ReplyData::Refreshed(RefreshReply { expires_at }))
            }
            Ok(_) | Err(super::close::Close::Unauthenticated) => {
                self.client.close(super::close::Close::Unauthenticated);
                Err(Problem::new(
                    Code::Unauthenticated,
                    "Authentication required: send a valid token of the same identity.",
                ))
            }
            Err(super::close::Close::Forbidden) => {
                self.client.close(super::close::Close::Forbidden);
                Err(forbidden("this login opens no socket here"))
            }
            Err(_) => Err(Problem::new(Code::Unavailable, "The token cannot be checked right now; send it again.")),
        }
    }

    /// The conversation that a client names, if it is the client's.
    async fn resolve(&self, named: &str) -> Result<ConversationId, Problem> {
        let known_as: Uuid = named.parse().map_err(|_| not_found())?;
        if let Some(id) = self.client.following(known_as) {
            return Ok(id);
        }
        let identity = self.client.identity();
        let conversation = match identity.viewer() {
            Viewer::Staff(_) | Viewer::Seller(..) => self.state.reader.get(identity.viewer(), ConversationId(known_as)).await?,
            Viewer::Visitor(workspace, visitor) => {
                let found = self.state.reader.by_room_key(RoomKey::new(known_as)).await?;
                let own = found.workspace_id == workspace && found.visitor_id == visitor;
                let fits = !matches!(&identity, Identity::Room(room) if room.conversation_id != found.id);
                if own && fits { found } else { return Err(not_found()) }
            }
        };
        Ok(conversation.id)
    }

    /// Joins a conversation and reads where it begins. What comes meanwhile waits until it is started.
    /// What is more than there is room for is a reset.
    async fn begin(&self, named: &str, after: Option<i64>, headroom: &mut Headroom) -> Result<Catchup, Problem> {
        let id = self.resolve(named).await?;
        let known_as: Uuid = named.parse().map_err(|_| not_found())?;
        if !self.state.hub.join(&self.client, id, known_as) {
            return Err(Problem::new(
                Code::Conflict,
                format!("A connection follows at most {MAX_SUBSCRIPTIONS} conversations; leave one first."),
            ));
        }
        self.read_from(id, after, headroom).await.map_err(|error| {
            self.state.hub.leave(&self.client, id);
            error.into()
        })
    }

    async fn read_from(&self, id: ConversationId, after: Option<i64>, headroom: &mut Headroom) -> Result<Catchup, ReadError> {
        let (viewer, audience) = (self.client.identity().viewer(), self.client.audience);
        let without_changes = |conversation, reset| Catchup {
            conversation,
            messages: Vec::new(),
            tell_conversation: None,
            reset,
        };
        let after = match after {
            Some(after) if !headroom.is_used_up() => after,
            // Only where it stands is read: nothing that changed could be told.
            _ => {
                let conversation = self.state.reader.get(viewer, id).await?;
                let reset = after.is_some_and(|after| after != conversation.head_rev(audience));
                return Ok(without_changes(conversation, reset));
            }
        };
        let catchup = self.state.reader.catch_up(viewer, id, after).await?;
        if catchup.reset {
            // A number that is none of ours cost nothing; too many changes were read in vain.
            if (0..=catchup.conversation.head_rev(audience)).contains(&after) {
                headroom.use_up();
            }
            return Ok(catchup);
        }
        if headroom.take(missed(&catchup, audience, &self.state.links).iter().map(|(_, frame)| frame.len())) {
            Ok(catchup)
        } else {
            Ok(without_changes(catchup.conversation, true))
        }
    }

    async fn subscribe(&self, subscribe: ConversationSubscribe) -> Result<Done, Problem> {
        let catchup = self.begin(&subscribe.conversation_id, subscribe.after_rev, &mut self.queue.headroom()).await?;
        match self.subscribed(&catchup).await {
            Ok(reply) => Ok(Done {
                data: ReplyData::Subscribed(reply),
                start: vec![catchup],
            }),
            Err(problem) => {
                self.state.hub.leave(&self.client, catchup.conversation.id);
                Err(problem)
            }
        }
    }

    async fn subscribed(&self, catchup: &Catchup) -> Result<SubscribeReply, Problem> {
        let conversation = &catchup.conversation;
        let me = match self.client.identity() {
            Identity::Agent(caller) => Some(self.state.reader.own_mark(conversation.id, caller.id).await?.seq),
            Identity::Seller(_) | Identity::Visitor(_) | Identity::Room(_) => None,
        };
        let audience = self.client.audience;
        let (status, handled_by) = match audience {
            Audience::Public => (conversation.status.for_visitor(), conversation.handler.for_visitor()),
            Audience::Staff => (conversation.status, conversation.handler.for_agent()),
        };
        Ok(SubscribeReply {
            result: if catchup.reset { ResumeResult::Reset } else { ResumeResult::Ok },
            head_seq: conversation.last_seq,
            head_rev: conversation.head_rev(audience),
            status: status.into(),
            handled_by: handled_by.into(),
            read: MarksRead {
                visitor: conversation.visitor_mark.seq,
                team: conversation.team_mark.seq,
                me,
            },
            delivered: MarksDelivered {
                visitor: conversation.visitor_delivered,
                team: Some(conversation.team_delivered),
            },
            online: self.state.hub.online(conversation.workspace_id, conversation.visitor_id, audience),
        })
    }

    async fn message(&self, command: ConversationMessage) -> Result<ReplyData, Problem> {
        let message = command.message;
        let mut fields = Fields::new();
        let client_id = fields.parsed("data.message.client_id", ClientId::parse(&message.client_id));
        let content = Content {
            place: "data.message.",
            text_field: "text",
            text: Some(&message.text),
            kind: message.kind.as_deref(),
            payload: message.payload.as_ref(),
            attachment_ids: message.attachment_ids.as_deref(),
        };
        let draft = content.parse(&mut fields, self.client.audience);
        let (mut draft, client_id) = fields.take(draft.zip(client_id))?;
        let id = self.resolve(&command.conversation_id).await?;
        draft.private = message.private.unwrap_or(false);
        draft.reply_to = message.reply_to.map(MessageId);
        draft.client_id = Some(client_id);
        let sent = draft.send(&self.state, self.client.identity().actor(), id).await?;
        let rev = match self.client.audience {
            Audience::Public => sent.message.rev.unwrap_or_default(),
            Audience::Staff => sent.message.staff_rev,
        };
        let created_at = sent.message.created_at.to_rfc3339();
        Ok(ReplyData::Sent(SentReply {
            message_id: sent.message.id.0,
            seq: sent.message.seq,
            rev,
            created_at,
            duplicate: sent.repeated,
        }))
    }

    async fn read(&self, named: &str, up_to: i64) -> Result<ReplyData, Problem> {
        let (id, up_to) = self.place(named, up_to).await?;
        let conversation = self.state.conversations.mark_read(self.client.identity().actor(), id, Some(up_to)).await?;
        let reply = match self.client.identity() {
            Identity::Agent(caller) => {
                let own = self.state.reader.own_mark(id, caller.id).await?;
                MarkReply {
                    unread_count: conversation.unread_by_team(),
                    my_unread_count: Some(conversation.unread_by_agent(own)),
                }
            }
            Identity::Seller(_) | Identity::Visitor(_) | Identity::Room(_) => MarkReply {
                unread_count: conversation.unread_by_visitor(),
                my_unread_count: None,
            },
        };
        Ok(ReplyData::Marked(reply))
    }

    async fn delivered(&self, named: &str, up_to: i64) -> Result<ReplyData, Problem> {
        let (id, up_to) = self.place(named, up_to).await?;
        let conversation: Arc<Conversation> = self.state.conversations.mark_delivered(self.client.identity().actor(), id, Some(up_to)).await?;
        let up_to_seq = match self.client.audience {
            Audience::Public => conversation.visitor_delivered,
            Audience::Staff => conversation.team_delivered,
        };
        Ok(ReplyData::Delivered(DeliveredReply { up_to_seq }))
    }

    async fn place(&self, named: &str, up_to: i64) -> Result<(ConversationId, i64), Problem> {
        if up_to < 0 {
            return Err(Problem::field("data.up_to_seq", "must not be negative"));
        }
        Ok((self.resolve(named).await?, up_to))
    }

    async fn typing(&self, typing: ConversationTyping) -> Result<ReplyData, Problem> {
        let conversation_id = self.resolve(&typing.conversation_id).await?;
        let from = self.client.identity().participant();
        let private = typing.private.unwrap_or(false);
        if private && from.side == Side::Visitor {
            return Err(forbidden("only agents write notes"));
        }
        let active = typing.state == StateWord::Start;
        if active && !private && self.client.audience == Audience::Staff {
            self.show_typing(conversation_id);
        }
        self.state.hub.signal(Signal::Typing {
            conversation_id,
            from,
            active,
            private,
        });
        Ok(NOTHING)
    }

    /// Customers on WhatsApp see it, too. Its platform may be slow, so nobody waits for it.
    fn show_typing(&self, conversation: ConversationId) {
        let (state, viewer) = (self.state.clone(), self.client.identity().viewer());
        tokio::spawn(async move {
            match state.reader.get(viewer, conversation).await {
                Ok(conversation) if conversation.whatsapp.is_some() => state.whatsapp.show_typing(&conversation).await,
                Ok(_) | Err(ReadError::NotFound) => {}
                Err(error) => tracing::debug!(%error, "a conversation could not be read to show that somebody writes"),
            }
        });
    }

    fn must_be_agent(&self) -> Result<(), Problem> {
        if self.client.audience == Audience::Staff {
            Ok(())
        } else {
            Err(forbidden("this is for agents"))
        }
    }

    async fn view(&self, viewing: ConversationViewing) -> Result<ReplyData, Problem> {
        self.must_be_agent()?;
        let conversation = self.resolve(&viewing.conversation_id).await?;
        let active = viewing.state == StateWord::Start;
        if active {
            if self.viewing.borrow().len() >= MAX_SUBSCRIPTIONS && !self.viewing.borrow().contains(&conversation) {
                return Err(Problem::new(Code::Conflict, "Too many conversations are open; close one first."));
            }
            self.viewing.borrow_mut().insert(conversation);
        } else {
            self.viewing.borrow_mut().remove(&conversation);
        }
        self.tell_viewing(conversation, active);
        Ok(NOTHING)
    }

    fn set_presence(&self, presence: &PresenceSet) -> Result<ReplyData, Problem> {
        self.must_be_agent()?;
        self.state.hub.set_status(&self.client, presence.status.into());
        Ok(NOTHING)
    }

    fn page(&self, page: &VisitorPage) -> Result<ReplyData, Problem> {
        let identity = self.client.identity();
        if identity.side() == Side::Agent {
            return Err(forbidden("this is for visitors"));
        }
        let mut fields = Fields::new();
        let is_page = page.url.starts_with("https://") || page.url.starts_with("http://");
        if !is_page || page.url.chars().count() > MAX_URL || page.url.chars().any(char::is_control) {
            fields.wrong("data.url", format!("must be an http or https address of at most {MAX_URL} characters"));
        }
        let title = fields.optional("data.title", page.title.as_deref(), Line::parse);
        fields.finish()?;
        let now = Instant::now();
        if self.page_at.get().is_some_and(|at| now.saturating_duration_since(at) < PAGE_EVERY) {
            return Err(Problem::rate_limited(PAGE_EVERY.as_secs()));
        }
        self.page_at.set(Some(now));
        let title = title.map(|title| title.as_str().to_owned());
        self.state.hub.signal(Signal::Page {
            workspace_id: identity.workspace(),
            visitor_id: VisitorId(identity.id()),
            url: page.url.clone(),
            title,
        });
        Ok(NOTHING)
    }

    async fn follow_inbox(&self, inbox: &InboxSubscribe) -> Result<ReplyData, Problem> {
        self.must_be_agent()?;
        let channel = inbox.channel_id.map(ChannelId);
        if let Some(channel) = channel {
            self.state.channels.get(self.client.workspace, channel).await?;
        }
        self.client.follow_inbox(Some(channel));
        Ok(NOTHING)
    }
}
