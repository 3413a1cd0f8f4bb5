//! Whether those who are connected may still be.

use super::{Client, Hub};
use crate::ws::close::Close;
use crate::ws::identity::{Identity, VisitorLogin};
use parlor_domain::agent::{AuthenticationError, Caller};
use parlor_domain::conversation::{Audience, Conversation};
use parlor_domain::id::{LoginId, VisitorId};
use parlor_domain::message::Side;
use parlor_domain::visitor::VisitorError;
use std::sync::Arc;

impl Hub {
    /// Whether a client's login still stands, as of at most five seconds ago. If not, its socket is closed.
    pub async fn renew(&self, client: &Client) -> bool {
        let close = match client.identity() {
            Identity::Agent(caller) => self.renew_agent(client, caller).await,
            Identity::Visitor(login) => self.renew_visitor(client, login).await,
            Identity::Room(_) => None,
        };
        close.into_iter().for_each(|close| client.queue.close(close));
        close.is_none()
    }

    async fn renew_agent(&self, client: &Client, caller: Caller) -> Option<Close> {
        match self.with.directory.renew(&caller).await {
            Ok(caller) if !caller.is_staff() => Some(Close::Forbidden),
            Ok(caller) => {
                client.set_identity(Identity::Agent(caller));
                None
            }
            Err(AuthenticationError::Expired | AuthenticationError::Invalid) => Some(Close::Unauthenticated),
            // Nothing is known: what it does next asks the database again.
            Err(AuthenticationError::Repository(_)) => None,
        }
    }

    async fn renew_visitor(&self, client: &Client, login: VisitorLogin) -> Option<Close> {
        let found = match login.key {
            Some(key) => self.with.visitors.authenticate(key).await,
            None => self.with.visitors.get(login.visitor.workspace_id, login.visitor.id).await.map(Arc::new),
        };
        match found {
            Ok(visitor) if visitor.id != login.visitor.id => Some(Close::Unauthenticated),
            Ok(visitor) => {
                client.set_identity(Identity::Visitor(VisitorLogin { visitor, ..login }));
                None
            }
            Err(VisitorError::NotFound) => Some(Close::Unauthenticated),
            Err(VisitorError::KeyReused | VisitorError::Security(_) | VisitorError::Repository(_)) => None,
        }
    }

    pub(super) fn login_ended(&self, login: LoginId) {
        let is_of = |client: &Client| client.with_identity(|identity| matches!(identity, Identity::Agent(caller) if caller.login_id == Some(login)));
        self.all_clients()
            .iter()
            .filter(|client| is_of(client))
            .for_each(|client| client.queue.close(Close::Unauthenticated));
    }

    /// The keys of a visitor are void. A room key is not: it goes on opening its room.
    pub(super) fn visitor_gone(&self, visitor: VisitorId) {
        let has_key = |client: &Client| client.with_identity(|identity| matches!(identity, Identity::Visitor(_)));
        self.sockets_of((Side::Visitor, visitor.0))
            .iter()
            .filter(|client| has_key(client))
            .for_each(|client| client.queue.close(Close::Unauthenticated));
    }

    /// A conversation is another visitor's now: its room key goes on, the former visitor does not.
    pub(super) fn moved(&self, conversation: &Conversation) {
        let mut clients = Vec::new();
        self.with_topic(conversation.id, |topic| {
            clients = topic.clients();
            super::Next::Done
        });
        for client in clients.iter().filter(|client| client.audience == Audience::Public) {
            match client.identity() {
                Identity::Room(room) if room.conversation_id == conversation.id => client.set_identity(Identity::Room(conversation.into())),
                identity if identity.id() == conversation.visitor_id.0 => {}
                _ => self.leave(client, conversation.id),
            }
        }
    }
}
