use super::{Identity, Visitor, VisitorContext, VisitorFilter};
use crate::agent::ADDRESS_HOLDS_FOR;
use crate::cache::Cache;
use crate::channel::Channel;
use crate::clock::{Clock, Timestamp};
use crate::conversation::{Action, Actor, Command, ConversationWriter};
use crate::creation::{Creation, CreationKey, REMEMBERED_FOR, claim};
use crate::event::{AccessChange, DomainEvent, EventBus, EventSubscriber};
use crate::id::{ConversationId, Ids, KeyHash, VisitorId, VisitorKey, WorkspaceId};
use crate::page::{Cursor, Limit, Page};
use crate::security::{HostClaims, SecretBox, SecurityError};
use crate::store::{Repositories, RepositoryError, Store};
use crate::text::{Email, Line, Metadata, Name, Phone};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Why a visitor could not be made, found or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VisitorError {
    /// There is none for this caller.
    #[error("no such visitor")]
    NotFound,
    /// The `Idempotency-Key` was used for another content.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// A helper failed; the cause is in the log.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Why a visitor is not who the token says.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentifyError {
    /// There is no such visitor.
    #[error("no such visitor")]
    NotFound,
    /// The visitor is verified as somebody else.
    #[error("this visitor is verified as somebody else")]
    OtherIdentity,
    /// Storage failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A new visitor.
#[derive(Debug, Clone, Default)]
pub struct NewVisitor {
    /// What the person calls itself.
    pub name: Option<Name>,
    /// A claimed address.
    pub email: Option<Email>,
    /// A claimed number.
    pub phone: Option<Phone>,
    /// A claimed id of the host site.
    pub external_id: Option<Line>,
    /// BCP 47.
    pub locale: Option<Name>,
    /// What the page attached.
    pub metadata: Option<Metadata>,
    /// What the server saw.
    pub context: VisitorContext,
}

/// What shall be different; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EditVisitor {
    /// The name; `Some(None)` takes it away.
    pub name: Option<Option<Name>>,
    /// The address; `Some(None)` takes a claimed one away.
    pub email: Option<Option<Email>>,
    /// The number; `Some(None)` takes a claimed one away.
    pub phone: Option<Option<Phone>>,
    /// The language.
    pub locale: Option<Option<Name>>,
    /// What the page attached; replaced as a whole.
    pub metadata: Option<Option<Metadata>>,
    /// An id of the host site that the page names without proof.
    pub external_id: Option<Line>,
    /// What the server sees of the visitor, who is here now.
    pub context: Option<VisitorContext>,
}

/// Who a visitor turned out to be.
#[derive(Debug, Clone)]
pub struct Identified {
    /// The verified visitor.
    pub visitor: Visitor,
    /// A new key, if the calling visitor became part of another one.
    pub key: Option<VisitorKey>,
}

/// What is remembered of a creation. It holds a key, so it is stored encrypted.
#[derive(Serialize, Deserialize)]
struct Remembered {
    workspace: WorkspaceId,
    visitor: VisitorId,
    key: Uuid,
}

/// People on the outside.
pub struct VisitorService {
    store: Arc<dyn Store>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    secrets: Arc<dyn SecretBox>,
    writer: Arc<ConversationWriter>,
    by_key: Cache<KeyHash, Option<Arc<Visitor>>>,
}

impl VisitorService {
    /// Makes the service.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        bus: Arc<dyn EventBus>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        secrets: Arc<dyn SecretBox>,
        writer: Arc<ConversationWriter>,
    ) -> Arc<Self> {
        let by_key = Cache::new(Arc::clone(&clock), 50_000);
        let service = Arc::new(Self {
            store,
            bus,
            clock,
            ids,
            secrets,
            writer,
            by_key,
        });
        let subscriber: Arc<dyn EventSubscriber> = service.clone();
        service.bus.subscribe(Arc::downgrade(&subscriber));
        service
    }

    /// The visitor that a key proves, as of at most five seconds ago.
    ///
    /// # Errors
    /// [`VisitorError::NotFound`] for a key that proves nobody.
    pub async fn authenticate(&self, key: VisitorKey) -> Result<Arc<Visitor>, VisitorError> {
        let hash = key.hash();
        let known = match self.by_key.get(&hash) {
            Ok(known) => known,
            Err(miss) => {
                let visitor = self.store.read().await?.visitors().find_by_key(hash).await?.map(Arc::new);
                self.by_key.put(miss, hash, visitor.clone());
                visitor
            }
        };
        known.ok_or(VisitorError::NotFound)
    }

    /// Makes a visitor and its first key, once for each `Idempotency-Key`.
    ///
    /// # Errors
    /// What [`VisitorError`] says.
    pub async fn create(&self, channel: &Channel, new: NewVisitor, once: Option<CreationKey>) -> Result<(Visitor, VisitorKey), VisitorError> {
        if let Some(once) = once
            && let Some(made) = self.made_before(once).await?
        {
            return Ok(made);
        }
        let now = self.clock.now();
        let (visitor, key) = self.compose(channel, new, now);
        let work = self.store.begin().await?;
        if let Some(once) = once {
            let remembered = Remembered {
                workspace: visitor.workspace_id,
                visitor: visitor.id,
                key: key.expose(),
            };
            let plain = serde_json::to_vec(&remembered).map_err(|error| SecurityError(error.to_string()))?;
            let creation = Creation {
                key: once,
                sealed: self.secrets.seal(&plain)?,
                created_at: now,
            };
            if !claim(&*work, &creation).await? {
                // The same request at the same moment was faster.
                drop(work);
                return self.made_before(once).await?.ok_or(VisitorError::KeyReused);
            }
        }
        Self::insert(&*work, &visitor, key, now).await?;
        work.commit().await?;
        Ok((visitor, key))
    }

    /// Composes a visitor and a key. Nothing is stored.
    #[must_use]
    pub(crate) fn compose(&self, channel: &Channel, new: NewVisitor, now: Timestamp) -> (Visitor, VisitorKey) {
        let visitor = Visitor {
            id: VisitorId(self.ids.ordered()),
            workspace_id: channel.workspace_id,
            channel_id: channel.id,
            name: new.name,
            email: new.email.map(Identity::claimed),
            phone: new.phone.map(Identity::claimed),
            external_id: new.external_id.map(Identity::claimed),
            locale: new.locale,
            metadata: new.metadata,
            context: new.context,
            created_at: now,
            updated_at: now,
            last_seen_at: now,
            retired_at: None,
        };
        (visitor, VisitorKey::new(self.ids.random()))
    }

    /// Stores a composed visitor with its key.
    pub(crate) async fn insert(work: &dyn Repositories, visitor: &Visitor, key: VisitorKey, now: Timestamp) -> Result<(), RepositoryError> {
        work.visitors().insert(visitor).await?;
        work.visitors().insert_key(visitor.id, key.hash(), now).await
    }

    async fn made_before(&self, once: CreationKey) -> Result<Option<(Visitor, VisitorKey)>, VisitorError> {
        let read = self.store.read().await?;
        let Some(creation) = read.creations().find(once.id, self.clock.now().minus(REMEMBERED_FOR)).await? else {
            return Ok(None);
        };
        if creation.key.content != once.content {
            return Err(VisitorError::KeyReused);
        }
        let plain = self.secrets.open(&creation.sealed)?;
        let remembered: Remembered = serde_json::from_slice(&plain).map_err(|error| SecurityError(error.to_string()))?;
        let visitor = read
            .visitors()
            .find(remembered.workspace, remembered.visitor)
            .await?
            .ok_or(VisitorError::NotFound)?;
        Ok(Some((visitor, VisitorKey::new(remembered.key))))
    }

    /// One of a workspace, for agents. A retired one is gone.
    ///
    /// # Errors
    /// What [`VisitorError`] says.
    pub async fn get(&self, workspace: WorkspaceId, id: VisitorId) -> Result<Visitor, VisitorError> {
        let visitor = self.store.read().await?.visitors().find(workspace, id).await?;
        visitor.filter(|visitor| visitor.retired_at.is_none()).ok_or(VisitorError::NotFound)
    }

    /// Those of a workspace, newest first, for agents.
    ///
    /// # Errors
    /// What [`VisitorError`] says.
    pub async fn list(&self, workspace: WorkspaceId, filter: &VisitorFilter, after: Option<Cursor>, limit: Limit) -> Result<Page<Visitor>, VisitorError> {
        Ok(self.store.read().await?.visitors().list(workspace, filter, after, limit).await?)
    }

    /// The visitor is here now.
    ///
    /// # Errors
    /// What [`VisitorError`] says.
    pub async fn seen(&self, visitor: &Visitor) -> Result<Visitor, VisitorError> {
        let now = self.clock.now();
        let work = self.store.begin().await?;
        work.visitors().touch(visitor.id, now).await?;
        work.commit().await?;
        Ok(Visitor {
            last_seen_at: now.max(visitor.last_seen_at),
            ..visitor.clone()
        })
    }

    /// Changes a profile. What a visitor types about itself stays a claim, and replaces no proven address.
    ///
    /// # Errors
    /// What [`VisitorError`] says.
    pub async fn edit(&self, workspace: WorkspaceId, id: VisitorId, edit: EditVisitor) -> Result<Visitor, VisitorError> {
        let work = self.store.begin().await?;
        let found = work.visitors().find_for_update(workspace, id).await?;
        let mut visitor = found.filter(|visitor| visitor.retired_at.is_none()).ok_or(VisitorError::NotFound)?;
        let before = card(&visitor);
        visitor.name = edit.name.unwrap_or(visitor.name);
        visitor.locale = edit.locale.unwrap_or(visitor.locale);
        visitor.metadata = edit.metadata.unwrap_or(visitor.metadata);
        match edit.email {
            Some(Some(email)) => visitor.claim_email(email),
            Some(None) => visitor.email = visitor.email.filter(|known| known.verified),
            None => {}
        }
        match edit.phone {
            Some(Some(phone)) => visitor.claim_phone(phone),
            Some(None) => visitor.phone = visitor.phone.filter(|known| known.verified),
            None => {}
        }
        if let Some(id) = edit.external_id {
            visitor.claim_external_id(id);
        }
        let now = self.clock.now();
        if let Some(seen) = edit.context {
            visitor.context = seen.after(visitor.context);
            visitor.last_seen_at = visitor.last_seen_at.max(now);
        }
        visitor.updated_at = now;
        work.visitors().update(&visitor).await?;
        work.commit().await?;
        self.by_key.forget(|known| known.as_ref().is_some_and(|known| known.id == visitor.id));
        if card(&visitor) != before {
            self.tell_conversations(&visitor).await?;
        }
        Ok(visitor)
    }

    /// Key and token together prove who a visitor is.
    ///
    /// If nobody has this `sub` yet, the visitor gets it. If another visitor has it, the conversations of the calling one
    /// move there, the calling one is retired with its keys, and a new key of the verified one is made.
    ///
    /// # Errors
    /// What [`IdentifyError`] says.
    pub async fn identify(&self, caller: &Visitor, claims: &HostClaims) -> Result<Identified, IdentifyError> {
        let now = self.clock.now();
        let workspace = caller.workspace_id;
        let work = self.store.begin().await?;
        let found = work.visitors().find_for_update(workspace, caller.id).await?;
        let mut visitor = found.filter(|visitor| visitor.retired_at.is_none()).ok_or(IdentifyError::NotFound)?;
        match visitor.verified_subject() {
            Some(known) if known == claims.subject => return Ok(Identified { visitor, key: None }),
            Some(_) => return Err(IdentifyError::OtherIdentity),
            None => {}
        }
        if let Some(known) = work.visitors().find_by_subject(workspace, &claims.subject).await? {
            let moved = work.conversations().move_to_visitor(workspace, visitor.id, known.id, now).await?;
            work.sessions().move_to_visitor(workspace, visitor.id, known.id).await?;
            work.visitors().delete_keys(visitor.id).await?;
            visitor.retired_at = Some(now);
            work.visitors().update(&visitor).await?;
            let key = VisitorKey::new(self.ids.random());
            work.visitors().insert_key(known.id, key.hash(), now).await?;
            work.commit().await?;
            self.by_key.forget(|known| known.as_ref().is_some_and(|known| known.id == visitor.id));
            self.bus.publish(DomainEvent::Access(AccessChange::VisitorGone(visitor.id)));
            for conversation in &moved {
                self.bus.publish(DomainEvent::Access(AccessChange::ConversationMoved(*conversation)));
            }
            self.tell_moved(&known, moved).await;
            return Ok(Identified {
                visitor: known,
                key: Some(key),
            });
        }
        let before = card(&visitor);
        take_proof(&mut visitor, claims);
        visitor.updated_at = now;
        match work.visitors().update(&visitor).await {
            // Somebody became this person at the same moment: the caller repeats and joins.
            Err(RepositoryError::Conflict) => return Err(RepositoryError::Unavailable("the identity was taken at this moment".to_owned()).into()),
            other => other?,
        }
        work.commit().await?;
        self.by_key.forget(|known| known.as_ref().is_some_and(|known| known.id == visitor.id));
        if card(&visitor) != before {
            self.tell_conversations(&visitor).await?;
        }
        Ok(Identified { visitor, key: None })
    }

    /// The verified customer that a host-site token names, made at first sight.
    ///
    /// # Errors
    /// What [`VisitorError`] says.
    pub async fn of_claims(&self, channel: &Channel, claims: &HostClaims) -> Result<Arc<Visitor>, VisitorError> {
        for _ in 0..3 {
            let found = self
                .store
                .read()
                .await?
                .visitors()
                .find_by_subject(channel.workspace_id, &claims.subject)
                .await?;
            if let Some(visitor) = found {
                return self.with_address_of(visitor, claims).await.map(Arc::new);
            }
            let now = self.clock.now();
            let (mut visitor, _) = self.compose(channel, NewVisitor::default(), now);
            take_proof(&mut visitor, claims);
            let work = self.store.begin().await?;
            match work.visitors().insert(&visitor).await {
                Ok(()) => {
                    work.commit().await?;
                    return Ok(Arc::new(visitor));
                }
                Err(RepositoryError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RepositoryError::Unavailable("the customer is being made by another request".to_owned()).into())
    }

    /// The host site vouches for the address anew with each token. Marketplaces know their customers by it.
    async fn with_address_of(&self, visitor: Visitor, claims: &HostClaims) -> Result<Visitor, VisitorError> {
        let vouched = claims
            .email
            .as_deref()
            .filter(|_| claims.email_verified)
            .and_then(|email| Email::parse(email).ok());
        let Some(email) = vouched.map(Identity::verified).filter(|email| visitor.email.as_ref() != Some(email)) else {
            return Ok(visitor);
        };
        let now = self.clock.now();
        if visitor.email.as_ref().is_some_and(|known| known.verified) && now < visitor.updated_at.plus(ADDRESS_HOLDS_FOR) {
            return Ok(visitor);
        }
        let work = self.store.begin().await?;
        let found = work.visitors().find_for_update(visitor.workspace_id, visitor.id).await?;
        let mut visitor = found.filter(|visitor| visitor.retired_at.is_none()).ok_or(VisitorError::NotFound)?;
        visitor.email = Some(email);
        visitor.updated_at = now;
        work.visitors().update(&visitor).await?;
        work.commit().await?;
        self.by_key.forget(|known| known.as_ref().is_some_and(|known| known.id == visitor.id));
        self.tell_conversations(&visitor).await?;
        Ok(visitor)
    }

    /// Agents see the customer's name and address on each conversation; here on the hundred that were active last, since a
    /// visitor may have begun any number and change its name as often as it likes.
    async fn tell_conversations(&self, visitor: &Visitor) -> Result<(), RepositoryError> {
        let read = self.store.read().await?;
        let newest = read.conversations().list_of_visitor(visitor.workspace_id, visitor.id, None, Limit::MAX).await?;
        drop(read);
        self.tell_moved(visitor, newest.items.iter().map(|conversation| conversation.id).collect())
            .await;
        Ok(())
    }

    async fn tell_moved(&self, visitor: &Visitor, conversations: Vec<ConversationId>) {
        let (name, email) = card(visitor);
        for conversation_id in conversations {
            let action = Action::SetCustomer {
                name: name.clone(),
                email: email.clone(),
            };
            let command = Command {
                conversation_id,
                actor: Actor::System(visitor.workspace_id),
                action,
            };
            if let Err(error) = self.writer.submit(command).await {
                tracing::warn!(conversation = %conversation_id, %error, "a conversation shows its customer's old name");
            }
        }
    }
}

impl EventSubscriber for VisitorService {
    fn deliver(&self, event: &Arc<DomainEvent>) {
        if matches!(**event, DomainEvent::Access(AccessChange::VisitorGone(_))) {
            self.by_key.clear();
        }
    }
}

/// What agents see of a visitor on each conversation.
pub(crate) fn card(visitor: &Visitor) -> (Option<String>, Option<String>) {
    (
        visitor.name.as_ref().map(|name| name.as_str().to_owned()),
        visitor.email.as_ref().map(|email| email.value.as_str().to_owned()),
    )
}

/// Takes what a signed token says.
fn take_proof(visitor: &mut Visitor, claims: &HostClaims) {
    if let Ok(subject) = Line::parse(&claims.subject) {
        visitor.external_id = Some(Identity::verified(subject));
    }
    if let Some(email) = claims.email.as_deref().and_then(|email| Email::parse(email).ok()) {
        if claims.email_verified {
            visitor.email = Some(Identity::verified(email));
        } else {
            visitor.claim_email(email);
        }
    }
    if visitor.name.is_none() {
        visitor.name = claims.name.as_deref().and_then(|name| Name::parse(name).ok());
    }
}
