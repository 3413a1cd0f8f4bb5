//! The Socket.IO door (docs/websocket.md): what happens on one session. A client logs in with the first packet, as
//! customer or as seller; then it hears of all its conversations, and commands are done in their order. One task for each.
//!
//! Nothing is known here that the other doors do not know: it is a translation over the same hub and the same services.

mod commands;
mod frames;
mod protocol;

pub use frames::Writer;
pub use protocol::*;

use super::engine::{Arrival, Socket};
use super::packet::{self, BadPacket, MAIN, Packet};
use crate::problem::Code;
use crate::state::AppState;
use crate::ws::Close;
use crate::ws::hub::{Client, DoorItem, DoorQueue};
use crate::ws::identity::Identity;
use crate::ws::limit::Allowance;
use crate::ws::login;
use crate::ws::protocol::{ErrorBody, Nothing};
use actix_web::web;
use commands::Context;
use futures_util::future::LocalBoxFuture;
use parlor_domain::id::ChannelId;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long a client may take until it is connected.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How many commands wait for their turn before the session is not read any more.
const MAX_WAITING: usize = 64;
/// After a failure to read what an event says.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Serves a session to its end. A client that leaves may connect again.
pub async fn serve(state: web::Data<AppState>, mut socket: Socket) {
    let mut stopping = state.hub.stopping();
    let mut allowance = Allowance::new(state.hub.limits(), Instant::now());
    let close = loop {
        let login = tokio::select! {
            login = log_in(&state, &mut socket, &mut allowance) => login,
            _ = stopping.wait_for(|stopping| *stopping) => Err(Close::GoingAway),
        };
        match login {
            Ok(identity) => match connected(&state, &mut socket, &mut allowance, identity).await {
                End::Left => {}
                End::Over(close) => break close,
            },
            Err(close) => break close,
        }
    };
    socket.close_with(close);
}

/// Waits for CONNECT, and for nothing else, until one succeeds.
async fn log_in(state: &AppState, socket: &mut Socket, allowance: &mut Allowance) -> Result<Identity, Close> {
    let deadline = Instant::now() + CONNECT_WITHIN;
    loop {
        let packet = timeout_at(deadline, socket.recv()).await.map_err(|_| Close::Unauthenticated)?;
        let now = Instant::now();
        let (namespace, auth) = match packet {
            None => return Err(Close::Normal),
            Some(Ok(Packet::Connect { namespace, auth })) => (namespace, auth),
            Some(Ok(_) | Err(BadPacket(_))) => return Err(Close::BrokenProtocol),
        };
        let paid = allowance.receive(socket.cost(), now).and_then(|()| allowance.command(false, now));
        if paid.is_err() {
            socket.send(packet::connect_error(&namespace, "rate limited", Some(json!({"code": Code::RateLimited}))));
            allowance.refuse(now)?;
        } else if namespace != MAIN {
            socket.send(no_such_namespace(&namespace));
        } else {
            match authenticate(state, socket.arrival(), auth.as_ref()).await {
                Ok(identity) => return Ok(identity),
                // Clients come back by themselves when a session ends, and do not when a login is refused.
                Err(Close::TooSlow) => return Err(Close::TooSlow),
                Err(close) => socket.send(no_login(close)),
            }
        }
    }
}

fn no_such_namespace(namespace: &str) -> bytes::Bytes {
    packet::connect_error(namespace, "Invalid namespace", None)
}

fn no_login(close: Close) -> bytes::Bytes {
    let (message, code) = match close {
        Close::Forbidden => ("forbidden", Code::Forbidden),
        Close::TooSlow => ("unavailable", Code::Unavailable),
        _ => ("unauthorized", Code::Unauthenticated),
    };
    packet::connect_error(MAIN, message, Some(json!({"code": code})))
}

/// Who it is, by the token of the packet or of the address.
async fn authenticate(state: &AppState, arrival: &Arrival, auth: Option<&Value>) -> Result<Identity, Close> {
    let given = auth.and_then(|auth| auth.get("token")).and_then(Value::as_str);
    let token = given.or(arrival.token.as_deref()).ok_or(Close::Unauthenticated)?;
    let named = arrival.channel.as_deref().filter(|named| !named.is_empty());
    let channel = named.map(|named| named.parse::<ChannelId>().map_err(|_| Close::Forbidden)).transpose()?;
    let origin = arrival.origin.as_deref();
    let identity = login::party_by_token(state, token, origin, channel).await?;
    login::origin_fits(state, origin, &identity).await?;
    Ok(identity)
}

/// How a connection ends.
enum End {
    /// The client left, and its session goes on.
    Left,
    /// The session ends, too.
    Over(Close),
}

/// Serves a client that logged in.
async fn connected(state: &web::Data<AppState>, socket: &mut Socket, allowance: &mut Allowance, identity: Identity) -> End {
    let hub = &state.hub;
    let queue = Arc::<DoorQueue>::default();
    allowance.logged_in(hub.limits(), identity.side(), Instant::now());
    let client = hub.register(identity, Arc::clone(&queue), socket.arrival().origin.clone());
    let context = Rc::new(Context {
        state: state.clone(),
        client: Arc::clone(&client),
        queue,
        sender: socket.sender(),
    });
    let end = match commands::follow_room(&context).await {
        Err(error) => {
            let close = login::no_room(error);
            socket.send(no_login(close));
            End::Over(close)
        }
        Ok(()) => {
            socket.send(packet::connected(MAIN, &state.ids.random().simple().to_string()));
            hub.attend(&client);
            tracing::debug!(connection = %client.name, "a client came by Socket.IO");
            let serving = Serving {
                context: Rc::clone(&context),
                allowance,
                waiting: VecDeque::new(),
                running: None,
            };
            serving.run(socket).await
        }
    };
    if let End::Over(close) = end
        && !comes_back(close, &client, state)
    {
        socket.send(packet::disconnect(MAIN));
    }
    hub.unregister(&client);
    tracing::debug!(connection = %client.name, "a client of Socket.IO is gone");
    end
}

/// Whether the client is to come back by itself, as it does when a session ends and the server says nothing.
fn comes_back(close: Close, client: &Client, state: &AppState) -> bool {
    match close {
        // With a new token, if the old one ran out and was not taken away.
        Close::Unauthenticated => client.identity().expires_at().is_some_and(|end| end <= state.clock.now()),
        Close::Forbidden | Close::NoSuchRoom | Close::Replaced | Close::TooManyRequests => false,
        _ => true,
    }
}

/// A client that logged in.
struct Serving<'a> {
    context: Rc<Context>,
    allowance: &'a mut Allowance,
    waiting: VecDeque<(Option<u64>, PartyCommand)>,
    running: Option<LocalBoxFuture<'static, ()>>,
}

impl Serving<'_> {
    async fn run(mut self, socket: &mut Socket) -> End {
        let context = Rc::clone(&self.context);
        let mut stopping = context.state.hub.stopping();
        let mut telling = Box::pin(tell(&context));
        let end = loop {
            self.start_next();
            tokio::select! {
                biased;
                close = context.queue.ended() => break End::Over(close),
                _ = stopping.wait_for(|stopping| *stopping) => break End::Over(Close::GoingAway),
                () = finished(&mut self.running) => self.running = None,
                () = context.client.origins_changed.notified() => {
                    if let Err(close) = self.check_origin().await {
                        break End::Over(close);
                    }
                }
                () = &mut telling => {}
                packet = socket.recv(), if self.waiting.len() < MAX_WAITING => {
                    let cost = socket.cost();
                    if let Some(end) = self.take(packet, cost) {
                        break end;
                    }
                }
            }
        };
        // It may be reading, and would keep its database connection from others until the commands are done.
        drop(telling);
        // What was sent before the end was meant, and what was begun is done.
        loop {
            self.start_next();
            if self.running.is_none() {
                return end;
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

    /// Takes what came; tells how it ends, if it does.
    fn take(&mut self, packet: Option<Result<Packet, BadPacket>>, cost: usize) -> Option<End> {
        metrics::counter!("parlor_frames_received_total").increment(1);
        let now = Instant::now();
        let paid = self.allowance.receive(cost, now);
        let refused = match packet {
            None => return Some(End::Over(Close::Normal)),
            Some(Ok(Packet::Event { namespace, id, name, args })) if namespace == MAIN => {
                let is_message = name == PartyCommand::MESSAGE;
                match paid.and_then(|()| self.allowance.command(is_message, now)) {
                    Ok(()) => {
                        self.take_event(id, &name, args);
                        Ok(())
                    }
                    Err(wait) => {
                        self.refuse(id, ErrorBody::rate_limited(wait));
                        self.allowance.refuse(now)
                    }
                }
            }
            Some(Ok(Packet::Binary { namespace, id, .. })) if namespace == MAIN => {
                self.refuse(id, ErrorBody::new(Code::InvalidInput, "Send JSON: bytes are not taken here."));
                self.allowance.refuse(now)
            }
            Some(Ok(Packet::Unreadable { namespace, id })) if namespace == MAIN => {
                self.refuse(id, ErrorBody::new(Code::InvalidInput, "What this event says is no JSON that can be read."));
                if self.allowance.unreadable.one_more(now) {
                    Err(Close::BrokenProtocol)
                } else {
                    Ok(())
                }
            }
            Some(Ok(Packet::Ack { namespace, .. })) if namespace == MAIN => paid.or_else(|_| self.allowance.refuse(now)),
            Some(Ok(Packet::Disconnect { namespace })) if namespace == MAIN => return Some(End::Left),
            Some(Ok(Packet::Connect { namespace, .. })) if namespace != MAIN => {
                self.context.sender.send(no_such_namespace(&namespace));
                self.allowance.refuse(now)
            }
            // A second CONNECT, and whatever belongs to a namespace that there is not.
            Some(Ok(_) | Err(BadPacket(_))) => return Some(End::Over(Close::BrokenProtocol)),
        };
        refused.err().map(End::Over)
    }

    fn take_event(&mut self, id: Option<u64>, name: &str, arguments: Vec<Value>) {
        match PartyCommand::read(name, arguments) {
            // Answered at once, however many commands wait.
            Ok(PartyCommand::Ping) => self.answer(id, Ok(PartyDone::Nothing(Nothing {}))),
            Ok(command) => self.waiting.push_back((id, command)),
            Err(problem) => self.refuse(id, problem.into()),
        }
    }

    fn refuse(&self, id: Option<u64>, error: ErrorBody) {
        self.answer(id, Err(error));
    }

    fn answer(&self, id: Option<u64>, result: Result<PartyDone, ErrorBody>) {
        if let Some(packet) = commands::answer(id, result) {
            self.context.sender.send(packet);
        }
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

/// Tells what happens, as fast as the client takes it. It never ends.
async fn tell(context: &Context) {
    let mut writer = Writer::new(&context.state.reader, &context.state.links);
    loop {
        context.sender.has_room().await;
        if context.queue.is_empty() {
            writer.forget();
        }
        match context.queue.next().await {
            DoorItem::Packet(packet) => context.sender.send(packet),
            DoorItem::Gap(gap) => context.state.hub.read_on(&context.client, gap).await,
            DoorItem::Event(event) => loop {
                match writer.packet_for(&event).await {
                    Ok(packet) => {
                        context.sender.send(packet);
                        break;
                    }
                    // What waits behind it too long ends the connection.
                    Err(error) => {
                        tracing::warn!(%error, "what goes with an event could not be read; it is tried again");
                        sleep(AGAIN_AFTER).await;
                    }
                }
            },
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
