//! Events of the bus to the sockets that follow. Called where events are published, so it only puts bytes into queues.

use super::client::Dialect;
use super::frames;
use super::people::Heard;
use super::work::Work;
use super::{Client, Hub, Next, Workplace, lock};
use crate::ws::protocol::{Event, PageSeen, PresenceChanged};
use crate::ws::queue::SignalKey;
use bytes::Bytes;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Audience, Conversation};
use parlor_domain::event::{AccessChange, ConversationEvent, DomainEvent, EventSubscriber, Participant, Signal};
use parlor_domain::id::{ConversationId, WorkspaceId};
use parlor_domain::message::{SenderKind, Side};
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

impl EventSubscriber for Hub {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        match &**event {
            DomainEvent::Conversation(change) => self.conversation_changed(change),
            DomainEvent::Signal(signal) => self.take_signal(signal),
            DomainEvent::Access(change) => self.access_changed(*change),
        }
    }
}

impl Hub {
    fn conversation_changed(&self, event: &ConversationEvent) {
        let id = event.conversation.id;
        self.let_parties_follow(event);
        self.with_topic(id, |topic| topic.take(event, Instant::now()));
        self.tell_inbox(&event.conversation, event.at);
    }

    /// Agents see a conversation in their list from its first message on.
    fn tell_inbox(&self, conversation: &Conversation, at: Timestamp) {
        if conversation.last_seq == 0 {
            return;
        }
        let mut frame = None;
        let key = SignalKey {
            event: "inbox:conversation-updated",
            about: conversation.id.0,
        };
        let workplaces = lock(&self.workplaces);
        let Some(workplace) = workplaces.get(&conversation.workspace_id) else {
            return;
        };
        for agent in workplace.agents.values().filter(|agent| agent.follows_inbox_of(conversation.channel_id)) {
            let frame: &Bytes = frame.get_or_insert_with(|| frames::inbox(conversation, at));
            agent.signal(frame.clone(), key);
        }
    }

    fn take_signal(&self, signal: &Signal) {
        let now = self.with.clock.now();
        match signal {
            Signal::Typing {
                conversation_id,
                from,
                active,
                private,
            } => {
                let audiences: &[Audience] = if *private { &[Audience::Staff] } else { &[Audience::Public, Audience::Staff] };
                self.to_listeners(*conversation_id, audiences, "conversation:typing", Some(from), |id, _| {
                    frames::typing(id, from, *active, now)
                });
            }
            Signal::Viewing {
                conversation_id,
                agent,
                active,
            } => {
                self.to_listeners(*conversation_id, &[Audience::Staff], "conversation:viewing", Some(agent), |id, _| {
                    frames::viewing(id, agent, *active, now)
                });
            }
            Signal::Read {
                conversation,
                by,
                agent_id,
                up_to_seq,
                at,
            } => {
                self.to_listeners(
                    conversation.id,
                    &[Audience::Public, Audience::Staff],
                    "conversation:read",
                    None,
                    |id, audience| {
                        let agent = agent_id.filter(|_| audience == Audience::Staff).map(|agent| agent.0);
                        frames::read(id, *by, agent, *up_to_seq, *at)
                    },
                );
                self.read_at_the_door(conversation, *by, *up_to_seq, *at);
                if *by == Side::Agent {
                    // The team's unread count in the list is another one now.
                    self.tell_inbox(conversation, *at);
                }
            }
            Signal::Delivered {
                conversation_id,
                by,
                up_to_seq,
                at,
            } => {
                self.to_listeners(
                    *conversation_id,
                    &[Audience::Public, Audience::Staff],
                    "conversation:delivered",
                    None,
                    |id, _| frames::delivered(id, *by, *up_to_seq, *at),
                );
            }
            Signal::AnswerDelta {
                conversation_id,
                message_id,
                offset,
                delta,
            } => {
                self.to_listeners(*conversation_id, &[Audience::Public, Audience::Staff], "assistant:delta", None, |id, _| {
                    frames::answer_delta(id, *message_id, *offset, delta, now)
                });
            }
            // For whoever writes the answer.
            Signal::StopAnswer { .. } => {}
            Signal::Presence {
                workspace_id,
                who,
                online,
                status,
                last_seen_at,
            } => {
                let heard = lock(&self.people).hear(*workspace_id, who, *online, *status, Instant::now());
                let presence = PresenceChanged {
                    kind: kind_of(who.side).into(),
                    id: Some(who.id),
                    online: *online,
                    status: status.map(Into::into),
                    last_seen_at: Some(last_seen_at.to_rfc3339()),
                };
                match heard {
                    Heard::Known => {}
                    Heard::Wrong => self.order(Work::StillHere((who.side, who.id))),
                    Heard::New { some_agent } => self.presence_changed(*workspace_id, presence, some_agent, now),
                }
            }
            Signal::Page {
                workspace_id,
                visitor_id,
                url,
                title,
            } => {
                let seen = Event::Page(PageSeen {
                    visitor_id: visitor_id.0,
                    url: url.clone(),
                    title: title.clone(),
                });
                self.to_workplace(
                    *workspace_id,
                    Audience::Staff,
                    seen,
                    SignalKey {
                        event: "visitor:page",
                        about: visitor_id.0,
                    },
                    now,
                );
            }
        }
    }

    /// A signal of a conversation to those who follow it, except to whom it comes from.
    fn to_listeners(
        &self,
        conversation: ConversationId,
        audiences: &[Audience],
        event: &'static str,
        from: Option<&Participant>,
        write: impl Fn(Uuid, Audience) -> Bytes,
    ) {
        let key = SignalKey { event, about: conversation.0 };
        let from = from.map(|who| (who.side, who.id));
        self.with_topic(conversation, |topic| {
            for audience in audiences {
                let known_as = match audience {
                    Audience::Public => topic.room_key().map(|key| key.expose()),
                    Audience::Staff => Some(conversation.0),
                };
                let Some(known_as) = known_as else { continue };
                let mut frame = None;
                for client in topic
                    .listeners(Dialect::of(*audience))
                    .filter(|client| from.is_none_or(|from| client.person() != from))
                {
                    let frame: &Bytes = frame.get_or_insert_with(|| write(known_as, *audience));
                    client.signal(frame.clone(), key);
                }
            }
            Next::Done
        });
    }

    /// Agents learn who came or went; visitors only whether some agent is there.
    fn presence_changed(&self, workspace: WorkspaceId, presence: PresenceChanged, some_agent: Option<bool>, at: Timestamp) {
        let about = presence.id.unwrap_or_default();
        self.to_workplace(
            workspace,
            Audience::Staff,
            Event::Presence(presence),
            SignalKey {
                event: "presence:changed",
                about,
            },
            at,
        );
        if let Some(online) = some_agent {
            let presence = PresenceChanged {
                kind: kind_of(Side::Agent).into(),
                id: None,
                online,
                status: None,
                last_seen_at: None,
            };
            self.to_workplace(
                workspace,
                Audience::Public,
                Event::Presence(presence),
                SignalKey {
                    event: "presence:changed",
                    about: workspace.0,
                },
                at,
            );
        }
    }

    fn to_workplace(&self, workspace: WorkspaceId, audience: Audience, event: Event, key: SignalKey, at: Timestamp) {
        let workplaces = lock(&self.workplaces);
        let Some(workplace) = workplaces.get(&workspace) else { return };
        let clients = if audience == Audience::Staff {
            &workplace.agents
        } else {
            &workplace.visitors
        };
        if clients.is_empty() {
            return;
        }
        let frame = frames::encode(event, None, None, Some(at));
        clients.values().for_each(|client| client.signal(frame.clone(), key));
    }

    fn access_changed(&self, change: AccessChange) {
        match change {
            AccessChange::LoginEnded(login) => self.login_ended(login),
            AccessChange::AgentChanged(agent) => self.order(Work::Renew(self.sockets_of((Side::Agent, agent.0)))),
            AccessChange::VisitorGone(visitor) => self.visitor_gone(visitor),
            AccessChange::ConversationMoved(conversation) => self.order(Work::Moved(conversation)),
            AccessChange::ChannelsChanged(workspace) => {
                let workplaces = lock(&self.workplaces);
                let clients = workplaces.get(&workspace).into_iter().flat_map(Workplace::all);
                clients
                    .filter(|client: &&Arc<Client>| client.origin.is_some())
                    .for_each(|client| client.origins_changed.notify_one());
            }
            // Machines have no sockets.
            AccessChange::ApiKeyRevoked(_) => {}
        }
    }
}

const fn kind_of(side: Side) -> SenderKind {
    match side {
        Side::Visitor => SenderKind::Visitor,
        Side::Agent => SenderKind::Agent,
    }
}
