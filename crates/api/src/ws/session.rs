//! The life of one socket: login, then commands in their order until somebody closes. One task for each.

use super::close::Close;
use super::commands::{self, Context};
use super::connection::Inlet;
use super::hub::{Hub, encode};
use super::identity::Identity;
use super::limit::{Allowance, MinuteCount};
use super::login;
use super::protocol::{Command, CommandFrame, ErrorBody, Event, Nothing, ReplyData, ReplyFrame, SessionHello, VERSION, read_command};
use super::queue::Queue;
use super::wire::{self, Incoming};
use crate::problem::Code;
use crate::state::AppState;
use actix_web::web;
use futures_util::future::LocalBoxFuture;
use parlor_domain::id::ChannelId;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long a login may take.
const LOGIN_WITHIN: Duration = Duration::from_secs(10);
/// How many commands wait for their turn before the socket is not read any more.
const MAX_WAITING: usize = 64;
/// How long a closed socket may take to take what waits.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The door that a socket came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// `/ws`.
    Main,
    /// `/ws/admin/chat`: agents, who follow their workspace's list at once.
    AdminChat,
    /// `/ws/chat/{room_id}`: the holder of this room key.
    Room(String),
}

/// What the upgrade request said.
pub struct Arrival {
    /// Services and settings.
    pub state: web::Data<AppState>,
    /// Where.
    pub door: Door,
    /// `?ticket=`.
    pub ticket: Option<String>,
    /// `?token=`.
    pub token: Option<String>,
    /// `?channel=`.
    pub channel: Option<String>,
    /// The page's origin, if it is a browser.
    pub origin: Option<String>,
}

impl Arrival {
    /// The channel that it names, if any.
    ///
    /// # Errors
    /// How to close: there is no such channel.
    fn channel(&self) -> Result<Option<ChannelId>, Close> {
        let named = self.channel.as_deref().filter(|named| !named.is_empty());
        named.map(|named| named.parse().map_err(|_| Close::Forbidden)).transpose()
    }
}

/// Runs a socket to its end.
pub async fn run(arrival: Arrival, mut inlet: Inlet, queue: Arc<Queue>) {
    let mut allowance = Allowance::new(arrival.state.hub.limits(), Instant::now());
    match log_in(&arrival, &mut inlet, &queue, &mut allowance).await {
        Ok(Some(login)) => serve(arrival, login, &mut inlet, &queue, allowance).await,
        // The client went away.
        Ok(None) => queue.cut(Close::Normal),
        Err(close) => queue.close(close),
    }
    let end = Instant::now() + CLOSE_WITHIN;
    while !queue.is_drained() && Instant::now() < end {
        sleep(Duration::from_millis(50)).await;
    }
    if !queue.is_drained() {
        inlet.cut();
    }
}

/// How a client is greeted.
enum Greeting {
    /// By an event: the URL logged in.
    Welcome,
    /// By the reply to its first frame.
    Reply(Option<String>, SessionHello),
}

/// Who came, and where it said so.
struct Login {
    identity: Identity,
    greeting: Greeting,
    channel: Option<ChannelId>,
}

async fn log_in(arrival: &Arrival, inlet: &mut Inlet, queue: &Queue, allowance: &mut Allowance) -> Result<Option<Login>, Close> {
    let channel = arrival.channel()?;
    let Arrival {
        state,
        door,
        ticket,
        token,
        origin,
        ..
    } = arrival;
    let origin = origin.as_deref();
    let token = token.as_deref().filter(|_| state.settings.query_tokens);
    let by_url = match (door, ticket, token) {
        (Door::Room(key), _, _) => Some(login::by_room_key(state, key).await?),
        (_, Some(ticket), _) => Some(login::by_ticket(state, ticket, origin).await?),
        (_, None, Some(token)) => Some(login::by_token(state, token, origin, channel).await?),
        (_, None, None) => None,
    };
    let (identity, greeting) = match by_url {
        Some(identity) => (identity, Greeting::Welcome),
        None => {
            let Some((id, hello)) = first_frame(state.hub.stopping(), inlet, queue, allowance).await? else {
                return Ok(None);
            };
            let identity = match &hello.token {
                Some(token) => login::by_token(state, token, origin, channel).await,
                None => Err(Close::Unauthenticated),
            };
            match identity {
                Ok(identity) => (identity, Greeting::Reply(id, hello)),
                Err(close) => return Err(refuse_login(queue, id, close)),
            }
        }
    };
    if *door == Door::AdminChat && !matches!(identity, Identity::Agent(_)) {
        return Err(Close::Forbidden);
    }
    login::origin_fits(state, origin, &identity).await?;
    Ok(Some(Login { identity, greeting, channel }))
}

/// Waits for `session:hello`, and for nothing else.
async fn first_frame(
    mut stopping: tokio::sync::watch::Receiver<bool>,
    inlet: &mut Inlet,
    queue: &Queue,
    allowance: &mut Allowance,
) -> Result<Option<(Option<String>, SessionHello)>, Close> {
    let deadline = Instant::now() + LOGIN_WITHIN;
    loop {
        let message = tokio::select! {
            message = timeout_at(deadline, inlet.next()) => message.map_err(|_| Close::Unauthenticated)??,
            _ = stopping.wait_for(|stopping| *stopping) => return Err(Close::GoingAway),
        };
        let Some(message) = message else { return Ok(None) };
        let now = Instant::now();
        let paid = allowance.receive(message.cost(), now);
        let frame = match message {
            Incoming::Close => return Err(Close::Normal),
            Incoming::Text(text) => read_command(&text).map_err(|unreadable| unreadable.0),
            _ if paid.is_err() => {
                allowance.refuse(now)?;
                continue;
            }
            Incoming::Ping(bytes) => {
                queue.send(wire::pong(&bytes));
                continue;
            }
            Incoming::Pong(_) | Incoming::Fragment => continue,
            Incoming::Binary(_) => Err("Send text frames only.".to_owned()),
        };
        match frame {
            Err(why) => refuse_unreadable(queue, why, &mut allowance.unreadable)?,
            Ok(CommandFrame {
                id,
                command: Ok(Command::Hello(hello)),
            }) => {
                if let Err(wait) = paid.and_then(|()| allowance.command(false, now)) {
                    reply(queue, id, Err(ErrorBody::rate_limited(wait)));
                    allowance.refuse(now)?;
                    continue;
                }
                check_version(queue, id.as_ref(), &hello)?;
                return Ok(Some((id, hello)));
            }
            Ok(CommandFrame { id, .. }) => return Err(refuse_login(queue, id, Close::Unauthenticated)),
        }
    }
}

/// Says why there is no login, and how to close.
fn refuse_login(queue: &Queue, id: Option<String>, close: Close) -> Close {
    let error = match close {
        Close::Forbidden => ErrorBody::new(Code::Forbidden, "This login opens no socket here."),
        Close::TooSlow => ErrorBody::new(Code::Unavailable, "The server cannot check the login right now; come back."),
        _ => ErrorBody::new(Code::Unauthenticated, "Log in first: send session:hello with a valid token."),
    };
    reply(queue, id, Err(error));
    close
}

/// Refuses a version that the server does not speak.
///
/// # Errors
/// How to close.
fn check_version(queue: &Queue, id: Option<&String>, hello: &SessionHello) -> Result<(), Close> {
    if hello.protocol.is_none_or(|protocol| protocol == VERSION) {
        return Ok(());
    }
    reply(
        queue,
        id.cloned(),
        Err(ErrorBody::new(
            Code::UnsupportedProtocol,
            format!("This server speaks version {VERSION} of the protocol."),
        )),
    );
    Err(Close::UnsupportedProtocol)
}

/// Answers what is no command.
///
/// # Errors
/// How to close, if it was one too many.
fn refuse_unreadable(queue: &Queue, why: String, unreadable: &mut MinuteCount) -> Result<(), Close> {
    // There is no id to answer to, and no command: the error stands alone.
    queue.send(wire::text(&ReplyFrame::new(None, Err(ErrorBody::new(Code::InvalidInput, why))).to_json()));
    if unreadable.one_more(Instant::now()) {
        Err(Close::BrokenProtocol)
    } else {
        Ok(())
    }
}

/// Answers a command that has an id.
fn reply(queue: &Queue, id: Option<String>, result: Result<ReplyData, ErrorBody>) {
    if id.is_some() {
        queue.send(wire::text(&ReplyFrame::new(id, result).to_json()));
    }
}

/// A logged-in socket.
struct Serving<'a> {
    hub: Arc<Hub>,
    context: Rc<Context>,
    queue: &'a Queue,
    allowance: Allowance,
    waiting: VecDeque<(Option<String>, Command)>,
    running: Option<LocalBoxFuture<'static, ()>>,
}

async fn serve(arrival: Arrival, login: Login, inlet: &mut Inlet, queue: &Arc<Queue>, mut allowance: Allowance) {
    let Login { identity, greeting, channel } = login;
    let hub = Arc::clone(&arrival.state.hub);
    let client = hub.register(identity, Arc::clone(queue), arrival.origin.clone());
    if arrival.door == Door::AdminChat {
        client.follow_inbox(Some(None));
    }
    allowance.logged_in(hub.limits(), client.identity().side(), Instant::now());
    let context = Rc::new(Context::new(arrival.state, Arc::clone(&client), Arc::clone(queue), channel));
    tracing::debug!(connection = %client.name, "a socket logged in");
    match greeting {
        Greeting::Welcome => commands::welcome(&context).await,
        Greeting::Reply(id, hello) => commands::run(Rc::clone(&context), id, Command::Hello(SessionHello { token: None, ..hello })).await,
    }
    hub.attend(&client);
    let mut serving = Serving {
        hub: Arc::clone(&hub),
        context: Rc::clone(&context),
        queue,
        allowance,
        waiting: VecDeque::new(),
        running: None,
    };
    if let Err(close) = serving.run(inlet).await {
        queue.close(close);
    }
    context.stop_viewing();
    hub.unregister(&client);
    tracing::debug!(connection = %client.name, code = queue.closed().map_or(0, Close::code), "a socket closed");
}

impl Serving<'_> {
    async fn run(&mut self, inlet: &mut Inlet) -> Result<(), Close> {
        let mut stopping = self.hub.stopping();
        let context = Rc::clone(&self.context);
        loop {
            self.start_next();
            tokio::select! {
                biased;
                () = self.queue.ended() => return Ok(()),
                _ = stopping.wait_for(|stopping| *stopping) => break,
                () = finished(&mut self.running) => {
                    self.running = None;
                    // While commands wait the client is not heard, for which it can do nothing.
                    context.client.heard();
                }
                () = context.client.origins_changed.notified() => self.check_origin().await?,
                message = inlet.next(), if self.waiting.len() < MAX_WAITING => match message? {
                    None => {
                        self.queue.cut(Close::Normal);
                        return Ok(());
                    }
                    Some(message) => self.take(message)?,
                },
            }
        }
        // The server stops: what was begun is done and answered, nothing new is read.
        loop {
            self.start_next();
            if self.running.is_none() {
                return Err(Close::GoingAway);
            }
            finished(&mut self.running).await;
            self.running = None;
        }
    }

    /// One command after the other: they keep their order.
    fn start_next(&mut self) {
        if self.running.is_none()
            && let Some((id, command)) = self.waiting.pop_front()
        {
            self.running = Some(Box::pin(commands::run(Rc::clone(&self.context), id, command)));
        }
    }

    fn take(&mut self, message: Incoming) -> Result<(), Close> {
        metrics::counter!("parlor_frames_received_total").increment(1);
        self.context.client.heard();
        let now = Instant::now();
        let paid = self.allowance.receive(message.cost(), now);
        match message {
            Incoming::Text(text) => self.take_text(&text, paid, now),
            Incoming::Close => Err(Close::Normal),
            _ if paid.is_err() => self.allowance.refuse(now),
            Incoming::Binary(_) => refuse_unreadable(self.queue, "Send text frames only.".to_owned(), &mut self.allowance.unreadable),
            Incoming::Ping(bytes) => {
                self.queue.send(wire::pong(&bytes));
                Ok(())
            }
            Incoming::Pong(_) | Incoming::Fragment => Ok(()),
        }
    }

    fn take_text(&mut self, text: &str, paid: Result<(), Duration>, now: Instant) -> Result<(), Close> {
        let CommandFrame { id, command } = match read_command(text) {
            Ok(frame) => frame,
            Err(unreadable) => return refuse_unreadable(self.queue, unreadable.0, &mut self.allowance.unreadable),
        };
        let is_message = matches!(command, Ok(Command::Message(_)));
        if let Err(wait) = paid.and_then(|()| self.allowance.command(is_message, now)) {
            reply(self.queue, id, Err(ErrorBody::rate_limited(wait)));
            return self.allowance.refuse(now);
        }
        match command {
            Err(refused) => reply(
                self.queue,
                id,
                Err(ErrorBody {
                    details: refused.errors,
                    ..ErrorBody::new(refused.code, refused.detail)
                }),
            ),
            // Answered at once, however many commands wait.
            Ok(Command::Ping(_)) => {
                self.queue.send(encode(Event::Pong(Nothing {}), None, None, None));
                reply(self.queue, id, Ok(ReplyData::Nothing(Nothing {})));
            }
            Ok(Command::Hello(hello)) => {
                check_version(self.queue, id.as_ref(), &hello)?;
                self.waiting.push_back((id, Command::Hello(hello)));
            }
            Ok(command) => self.waiting.push_back((id, command)),
        }
        Ok(())
    }

    /// The origins of channels changed.
    async fn check_origin(&self) -> Result<(), Close> {
        // The list of channels hears of it at the same time; once this time has passed it has.
        sleep(Duration::from_millis(200)).await;
        let client = &self.context.client;
        match login::origin_fits(&self.context.state, client.origin.as_deref(), &client.identity()).await {
            Err(Close::Forbidden) => Err(Close::Forbidden),
            _ => Ok(()),
        }
    }
}

/// Waits for the running command; for ever if there is none.
async fn finished(running: &mut Option<LocalBoxFuture<'static, ()>>) {
    match running {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}
