use super::entity::{agent, api_key, invitation, login};
use super::error::failure;
use super::rows::{Direction, Literally, all, insert_new, keyset, locked, rows, update_unique};
use super::store::{Connection, SeaOrmRepositories};
use super::timestamp::StoredTime;
use async_trait::async_trait;
use parlor_domain::agent::{Agent, AgentRepository, ApiKey, ApiKeyRepository, Invitation, InvitationRepository, Login, LoginRepository, Role};
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{AgentId, ApiKeyId, InvitationId, KeyHash, LoginId, WorkspaceId};
use parlor_domain::page::{Cursor, Limit, Page};
use parlor_domain::store::RepositoryError;
use parlor_domain::text::Email;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select, Set};

/// The most keys that one answer has.
const MOST: u64 = 100;

fn of(workspace: WorkspaceId) -> Select<agent::Entity> {
    agent::Entity::find().filter(agent::Column::WorkspaceId.eq(workspace.0))
}

/// Whom a lower-case name may mean.
pub(super) fn called(name: &str) -> Select<agent::Entity> {
    // On either side, or SQLite does not see that the partial index over addresses serves.
    let claimed = |is_it| Condition::all().add(is_it).add(Expr::cust("NOT unclaimed"));
    let either = Condition::any()
        .add(claimed(Expr::cust("lower(email)").eq(name)))
        .add(claimed(agent::Column::UsernameKey.eq(name)));
    agent::Entity::find().filter(either)
}

/// Who has an address in a workspace.
pub(super) fn with_email(workspace: WorkspaceId, email: &Email) -> Select<agent::Entity> {
    of(workspace).filter(Expr::cust("lower(email)").eq(email.as_str()))
}

#[async_trait]
impl<C: Connection> AgentRepository for SeaOrmRepositories<C> {
    async fn find_any(&self, id: AgentId) -> Result<Option<Agent>, RepositoryError> {
        agent::Entity::find_by_id(id.0)
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Agent::try_from)
            .transpose()
    }

    async fn find(&self, workspace: WorkspaceId, id: AgentId) -> Result<Option<Agent>, RepositoryError> {
        of(workspace)
            .filter(agent::Column::Id.eq(id.0))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Agent::try_from)
            .transpose()
    }

    async fn find_for_update(&self, workspace: WorkspaceId, id: AgentId) -> Result<Option<Agent>, RepositoryError> {
        locked(of(workspace).filter(agent::Column::Id.eq(id.0)))
            .one(&self.db)
            .await
            .map_err(failure)?
            .map(Agent::try_from)
            .transpose()
    }

    async fn find_by_login(&self, name: &str) -> Result<Option<Agent>, RepositoryError> {
        let name = name.to_lowercase();
        let mut found = called(&name).all(&self.db).await.map_err(failure)?;
        // A user name may look like somebody else's address; the address wins.
        found.sort_by_key(|row| row.email.to_lowercase() != name);
        found.into_iter().next().map(Agent::try_from).transpose()
    }

    async fn find_by_email(&self, workspace: WorkspaceId, email: &Email) -> Result<Option<Agent>, RepositoryError> {
        let found = with_email(workspace, email).one(&self.db).await.map_err(failure)?;
        found.map(Agent::try_from).transpose()
    }

    async fn find_by_external_id(&self, external_id: &str) -> Result<Option<Agent>, RepositoryError> {
        let found = agent::Entity::find()
            .filter(agent::Column::ExternalId.eq(external_id))
            .one(&self.db)
            .await
            .map_err(failure)?;
        found.map(Agent::try_from).transpose()
    }

    async fn list(&self, workspace: WorkspaceId, after: Option<Cursor>, limit: Limit) -> Result<Page<Agent>, RepositoryError> {
        let select = keyset(of(workspace), (agent::Column::CreatedAt, agent::Column::Id), Direction::Rising, after).limit(rows(limit.get() + 1));
        let found = all(select.all(&self.db).await.map_err(failure)?)?;
        Ok(Page::from_rows(found, limit, |agent: &Agent| Cursor {
            value: agent.created_at.millis(),
            id: agent.id.0,
        }))
    }

    async fn count_owners(&self, workspace: WorkspaceId) -> Result<u64, RepositoryError> {
        // Locked, so that of two owners who leave at once the second counts without the first.
        let owners = of(workspace)
            .filter(agent::Column::Role.eq(Role::Owner.as_str()))
            .filter(agent::Column::DeactivatedAt.is_null())
            .order_by_asc(agent::Column::Id);
        Ok(locked(owners).all(&self.db).await.map_err(failure)?.len() as u64)
    }

    async fn any(&self) -> Result<bool, RepositoryError> {
        let but_sellers = agent::Entity::find().filter(agent::Column::Role.ne(Role::Seller.as_str()));
        Ok(but_sellers.one(&self.db).await.map_err(failure)?.is_some())
    }

    async fn insert(&self, agent: &Agent) -> Result<(), RepositoryError> {
        insert_new::<agent::ActiveModel, _, _>(&self.db, agent::Model::try_from(agent)?).await
    }

    async fn update(&self, agent: &Agent) -> Result<(), RepositoryError> {
        let row = agent::Model::try_from(agent)?.into_active_model().reset_all();
        update_unique(&self.db, agent::Entity::update_many().set(row).filter(agent::Column::Id.eq(agent.id.0)))
            .await
            .map(drop)
    }

    async fn delete_unclaimed(&self, id: AgentId) -> Result<bool, RepositoryError> {
        let still = agent::Entity::delete_many().filter(agent::Column::Id.eq(id.0)).literally("unclaimed");
        still.exec(&self.db).await.map(|done| done.rows_affected == 1).map_err(failure)
    }
}

#[async_trait]
impl<C: Connection> LoginRepository for SeaOrmRepositories<C> {
    async fn find(&self, id: LoginId) -> Result<Option<Login>, RepositoryError> {
        Ok(login::Entity::find_by_id(id.0).one(&self.db).await.map_err(failure)?.map(Into::into))
    }

    async fn insert(&self, login: &Login) -> Result<(), RepositoryError> {
        insert_new::<login::ActiveModel, _, _>(&self.db, login::Model::from(login)).await
    }

    async fn rotate(&self, id: LoginId, generation: i64, expires_at: Timestamp) -> Result<bool, RepositoryError> {
        let next = login::ActiveModel {
            generation: Set(generation + 1),
            expires_at: Set(expires_at.into()),
            ..Default::default()
        };
        let newest = login::Entity::update_many()
            .set(next)
            .filter(login::Column::Id.eq(id.0))
            .filter(login::Column::Generation.eq(generation))
            .filter(login::Column::EndedAt.is_null());
        newest.exec(&self.db).await.map(|done| done.rows_affected == 1).map_err(failure)
    }

    async fn end(&self, id: LoginId, at: Timestamp) -> Result<(), RepositoryError> {
        let ended = login::ActiveModel {
            ended_at: Set(Some(at.into())),
            ..Default::default()
        };
        let open = login::Entity::update_many()
            .set(ended)
            .filter(login::Column::Id.eq(id.0))
            .filter(login::Column::EndedAt.is_null());
        open.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn end_all(&self, agent: AgentId, keep: Option<LoginId>, at: Timestamp) -> Result<(), RepositoryError> {
        let ended = login::ActiveModel {
            ended_at: Set(Some(at.into())),
            ..Default::default()
        };
        let mut open = login::Entity::update_many()
            .set(ended)
            .filter(login::Column::AgentId.eq(agent.0))
            .filter(login::Column::EndedAt.is_null());
        if let Some(keep) = keep {
            open = open.filter(login::Column::Id.ne(keep.0));
        }
        open.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn set_auth_version(&self, id: LoginId, auth_version: i64) -> Result<(), RepositoryError> {
        let raised = login::ActiveModel {
            auth_version: Set(auth_version),
            ..Default::default()
        };
        login::Entity::update_many()
            .set(raised)
            .filter(login::Column::Id.eq(id.0))
            .exec(&self.db)
            .await
            .map(drop)
            .map_err(failure)
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        let before = StoredTime::from(before);
        let over = Condition::any().add(login::Column::ExpiresAt.lt(before)).add(login::Column::EndedAt.lt(before));
        login::Entity::delete_many()
            .filter(over)
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected)
            .map_err(failure)
    }
}

#[async_trait]
impl<C: Connection> InvitationRepository for SeaOrmRepositories<C> {
    async fn replace(&self, invitation: &Invitation) -> Result<(), RepositoryError> {
        let same_agent = match invitation.agent_id {
            Some(agent) => invitation::Column::AgentId.eq(agent.0),
            None => invitation::Column::AgentId.is_null(),
        };
        let older = invitation::Entity::delete_many()
            .filter(invitation::Column::WorkspaceId.eq(invitation.workspace_id.0))
            .filter(same_agent);
        older.exec(&self.db).await.map_err(failure)?;
        insert_new::<invitation::ActiveModel, _, _>(&self.db, invitation::Model::from(invitation)).await
    }

    async fn delete_of(&self, agent: AgentId) -> Result<(), RepositoryError> {
        let links = invitation::Entity::delete_many().filter(invitation::Column::AgentId.eq(agent.0));
        links.exec(&self.db).await.map(drop).map_err(failure)
    }

    async fn find(&self, token: KeyHash) -> Result<Option<Invitation>, RepositoryError> {
        let found = invitation::Entity::find()
            .filter(invitation::Column::Token.eq(token.0.to_vec()))
            .one(&self.db)
            .await
            .map_err(failure)?;
        found.map(Invitation::try_from).transpose()
    }

    async fn take(&self, id: InvitationId) -> Result<bool, RepositoryError> {
        invitation::Entity::delete_by_id(id.0)
            .exec(&self.db)
            .await
            .map(|done| done.rows_affected == 1)
            .map_err(failure)
    }

    async fn delete_before(&self, before: Timestamp) -> Result<u64, RepositoryError> {
        let over = invitation::Entity::delete_many().filter(invitation::Column::ExpiresAt.lt(StoredTime::from(before)));
        over.exec(&self.db).await.map(|done| done.rows_affected).map_err(failure)
    }
}

#[async_trait]
impl<C: Connection> ApiKeyRepository for SeaOrmRepositories<C> {
    async fn find_by_secret(&self, secret: KeyHash) -> Result<Option<ApiKey>, RepositoryError> {
        let found = api_key::Entity::find()
            .filter(api_key::Column::Secret.eq(secret.0.to_vec()))
            .one(&self.db)
            .await
            .map_err(failure)?;
        found.map(ApiKey::try_from).transpose()
    }

    async fn list(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>, RepositoryError> {
        let valid = api_key::Entity::find()
            .filter(api_key::Column::WorkspaceId.eq(workspace.0))
            .filter(api_key::Column::RevokedAt.is_null());
        let valid = keyset(valid, (api_key::Column::CreatedAt, api_key::Column::Id), Direction::Rising, None).limit(MOST);
        all(valid.all(&self.db).await.map_err(failure)?)
    }

    async fn insert(&self, key: &ApiKey) -> Result<(), RepositoryError> {
        insert_new::<api_key::ActiveModel, _, _>(&self.db, api_key::Model::from(key)).await
    }

    async fn revoke(&self, workspace: WorkspaceId, id: ApiKeyId, at: Timestamp) -> Result<bool, RepositoryError> {
        let revoked = api_key::ActiveModel {
            revoked_at: Set(Some(at.into())),
            ..Default::default()
        };
        let valid = api_key::Entity::update_many()
            .set(revoked)
            .filter(api_key::Column::Id.eq(id.0))
            .filter(api_key::Column::WorkspaceId.eq(workspace.0))
            .filter(api_key::Column::RevokedAt.is_null());
        valid.exec(&self.db).await.map(|done| done.rows_affected == 1).map_err(failure)
    }
}
