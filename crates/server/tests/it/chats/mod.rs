//! `/api/chats`: STEP 1 to STEP 3.

mod creations;
mod history;
mod identity;
mod sessions;
mod visitors;

use crate::app::TestApp;
use parlor_domain::agent::Role;
use parlor_domain::id::{VisitorKey, WorkspaceId};
use parlor_domain::text::Name;
use parlor_domain::visitor::Visitor;
use serde_json::{Value, json};

const VISITORS: &str = "/api/chats/visitors/";
const SESSIONS: &str = "/api/chats/sessions/";
const NOBODY: &str = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34";

/// A new session of a visitor, as its visitor sees it.
pub async fn new_session(app: &TestApp, visitor: &str) -> Value {
    let body = app.post(SESSIONS).json(json!({"visitor_id": visitor})).send().await.expect(201);
    body["data"].clone()
}

/// What the server keeps of the visitor with a key.
pub async fn stored(app: &TestApp, key: &str) -> Visitor {
    Visitor::clone(&*app.state().visitors.authenticate(key.parse::<VisitorKey>().unwrap()).await.unwrap())
}

/// An owner of another tenant: the access token.
pub async fn far_owner(app: &TestApp) -> String {
    let (workspace, _) = app.state().workspaces.create(Name::parse("Elsewhere").unwrap()).await.unwrap();
    app.agent_in(workspace.id, "far@example.com", Role::Owner).await.0
}

async fn first_workspace(app: &TestApp) -> WorkspaceId {
    app.state().workspaces.list().await.unwrap()[0].id
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// RFC 3339, UTC, three places of a second.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.' && text.as_bytes()[10] == b'T'
}
