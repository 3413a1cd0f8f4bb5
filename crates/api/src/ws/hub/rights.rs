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
        let checked = client.identity();
        let found = match &checked {
            Identity::Agent(caller) => self.renewed(caller).await.map(|found| match found? {
                caller if caller.is_staff() => Ok(Identity::Agent(caller)),
                _ => Err(Close::Forbidden),
            }),
            Identity::Seller(caller) => self.renewed(caller).await.map(|found| found.map(Identity::Seller)),
            Identity::Visitor(login) => self.renewed_visitor(login).await,
            Identity::Room(_) => None,
        };
        found.is_none_or(|found| client.settle(&checked, found))
    }

    /// The agent as it is known now, or how to close; `None` if nothing is known.
    async fn renewed(&self, caller: &Caller) -> Option<Result<Caller, Close>> {
        match self.with.directory.renew(caller).await {
            Ok(caller) => Some(Ok(caller)),
            Err(AuthenticationError::Expired | AuthenticationError::Invalid) => Some(Err(Close::Unauthenticated)),
            // What it does next asks the database again.
            Err(AuthenticationError::Repository(_)) => None,
        }
    }

    /// The visitor as it is known now, or how to close; `None` if nothing is known.
    async fn renewed_visitor(&self, login: &VisitorLogin) -> Option<Result<Identity, Close>> {
        let found = match login.key {
            Some(key) => self.with.visitors.authenticate(key).await,
            None => self.with.visitors.get(login.visitor.workspace_id, login.visitor.id).await.map(Arc::new),
        };
        match found {
            Ok(visitor) if visitor.id != login.visitor.id => Some(Err(Close::Unauthenticated)),
            Ok(visitor) => Some(Ok(Identity::Visitor(VisitorLogin {
                visitor,
                key: login.key,
                expires_at: login.expires_at,
            }))),
            Err(VisitorError::NotFound) => Some(Err(Close::Unauthenticated)),
            Err(VisitorError::KeyReused | VisitorError::Security(_) | VisitorError::Repository(_)) => None,
        }
    }

    pub(super) fn login_ended(&self, login: LoginId) {
        let is_of = |client: &Client| client.with_identity(|identity| identity.proof().0 == Some(login));
        self.all_clients()
            .iter()
            .filter(|client| is_of(client))
            .for_each(|client| client.close(Close::Unauthenticated));
    }

    /// The keys of a visitor are void. A room key is not: it goes on opening its room.
    pub(super) fn visitor_gone(&self, visitor: VisitorId) {
        let has_key = |client: &Client| client.with_identity(|identity| matches!(identity, Identity::Visitor(_)));
        self.sockets_of((Side::Visitor, visitor.0))
            .iter()
            .filter(|client| has_key(client))
            .for_each(|client| client.close(Close::Unauthenticated));
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
                identity if identity.is_party_of(conversation) => {}
                _ => self.leave(client, conversation.id),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::queue::Queue;
    use parlor_domain::clock::Timestamp;
    use parlor_domain::visitor::Visitor;
    use parlor_testkit::{Fixture, MemoryStore};
    use std::time::Duration;

    fn login(visitor: &Visitor, expires_at: Timestamp) -> Identity {
        Identity::Visitor(VisitorLogin {
            visitor: Arc::new(visitor.clone()),
            key: None,
            expires_at: Some(expires_at),
        })
    }

    #[tokio::test]
    async fn what_is_found_about_a_login_that_was_replaced_meanwhile_changes_nothing() {
        let visitor = Fixture::stored(&MemoryStore::new()).await.unwrap().visitor;
        let soon = visitor.created_at;
        let later = soon.plus(Duration::from_secs(60));
        let queue = Arc::<Queue>::default();
        let client = Client::new(1, "n1-000001".to_owned(), queue.clone().into(), login(&visitor, soon), None, soon);
        let checked = client.identity();
        client.log_in_again(login(&visitor, later));
        assert!(client.settle(&checked, Ok(checked.clone())), "an old copy does not come back");
        assert_eq!(client.identity().expires_at(), Some(later));
        assert!(client.settle(&checked, Err(Close::Unauthenticated)));
        assert_eq!(queue.closed(), None);
        assert!(!client.settle(&client.identity(), Err(Close::Unauthenticated)));
        assert_eq!(queue.closed(), Some(Close::Unauthenticated));
    }
}
