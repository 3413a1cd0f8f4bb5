//! Workspace: the tenant.

mod model;
mod repository;
mod service;

pub use model::Workspace;
pub use repository::WorkspaceRepository;
pub use service::{DEFAULT_WORKSPACE, WorkspaceError, WorkspaceService};
