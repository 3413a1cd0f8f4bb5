//! Where a visitor comes from and belongs.

use super::device::Device;
use crate::extract::{ClientAddress, bearer, visitor_of};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::http::header::{HeaderName, REFERER, USER_AGENT};
use actix_web::{HttpRequest, web};
use parlor_domain::channel::{Channel, ChannelKind};
use parlor_domain::id::VisitorKey;
use parlor_domain::visitor::{Visitor, VisitorContext};
use std::sync::Arc;

/// A visitor together with the key that it sent, since answers name the visitor by it.
#[derive(Debug, Clone)]
pub struct ProvenVisitor {
    /// Who.
    pub visitor: Arc<Visitor>,
    /// The key; `None` for a customer who came with a token of the host site.
    pub key: Option<VisitorKey>,
}

impl ProvenVisitor {
    /// The visitor of a request, by a key that body or query name, else by `Authorization`; `None` if nothing is given.
    ///
    /// # Errors
    /// 404 `visitor_not_found` for a named key that proves nobody, 401 for a wrong `Authorization`.
    pub async fn of(request: &HttpRequest, state: &AppState, named: Option<&str>) -> Result<Option<Self>, Problem> {
        let Some(visitor) = visitor_of(request, state, named).await? else {
            return Ok(None);
        };
        let named = named.map(str::trim).filter(|key| !key.is_empty());
        let proof = named.map_or_else(|| bearer(request), |key| Ok(Some(key)))?;
        Ok(Some(Self {
            visitor,
            key: proof.and_then(|text| text.parse().ok()),
        }))
    }
}

/// What the server sees of the visitor's request.
#[must_use]
pub fn visitor_context(request: &HttpRequest, address: ClientAddress) -> VisitorContext {
    let header = |name: HeaderName, most: usize| {
        let text = request.headers().get(name)?.to_str().ok()?.trim();
        (!text.is_empty()).then(|| text.chars().take(most).collect::<String>())
    };
    let state = request.app_data::<web::Data<AppState>>();
    let place = state.and_then(|state| state.geo.locate(address.0)).unwrap_or_default();
    let user_agent = header(USER_AGENT, 400);
    let device = user_agent.as_deref().map(Device::of).unwrap_or_default();
    VisitorContext {
        ip: Some(address.0.to_string()),
        user_agent,
        page_url: header(REFERER, 2000),
        country: place.country,
        region: place.region,
        city: place.city,
        browser: device.browser,
        os: device.os,
        device: device.kind,
        ..VisitorContext::default()
    }
}

/// The channel that a known visitor's new things belong to: its own, or if that is gone the first of its workspace.
///
/// # Errors
/// 404 if the workspace has none any more, 503.
pub async fn channel_of(state: &AppState, visitor: &Visitor) -> Result<Channel, Problem> {
    let all = state.channels.all().await?;
    let mut own = all.iter().filter(|channel| channel.workspace_id == visitor.workspace_id);
    let same = own.clone().find(|channel| channel.id == visitor.channel_id);
    same.or_else(|| own.find(|channel| channel.kind == ChannelKind::Web))
        .cloned()
        .ok_or_else(|| Problem::not_found("channel"))
}
