use super::{ConversationShape, MessageShape, must_be_own};
use crate::extract::{PageQuery, PartyAuth};
use crate::families::shared::{CommonProblems, QueryProblems, StaffProblems};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::http::header::LINK;
use actix_web::{HttpResponse, get, web};
use parlor_domain::message::Side;
use serde::Deserialize;
use utoipa::IntoParams;

/// Whose conversations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct MarketplaceListParams {
    /// The calling customer's own e-mail address.
    #[param(nullable = false, example = "nadia@example.com")]
    customer_id: Option<String>,
    /// The calling seller's own e-mail address.
    #[param(nullable = false, example = "mia@example.com")]
    seller_id: Option<String>,
}

impl MarketplaceListParams {
    fn must_be_own(&self, auth: &PartyAuth) -> Result<(), Problem> {
        let given = |id: &Option<String>| id.clone().filter(|id| !id.trim().is_empty());
        let (side, field, address) = match (given(&self.customer_id), given(&self.seller_id)) {
            (None, None) => return Ok(()),
            (Some(_), Some(_)) => return Err(Problem::field("sellerId", "must be left out beside customerId")),
            (Some(customer), None) => (Side::Visitor, "customerId", customer),
            (None, Some(seller)) => (Side::Agent, "sellerId", seller),
        };
        if auth.0.side() != side {
            return Err(Problem::new(
                Code::Forbidden,
                "Not allowed: these are conversations of the other side; ask for your own.",
            ));
        }
        must_be_own(&auth.0, field, &address)
    }
}

/// List own conversations, newest activity first
///
/// A customer's or a seller's own, each with its newest 100 messages. Without `customerId` and `sellerId` the caller's; those of anybody
/// else are 403. A page may have fewer than `limit` and still a next one.
#[utoipa::path(path = "/api/conversations", tag = "Marketplace", security(("visitor" = []), ("seller" = [])), params(MarketplaceListParams, PageQuery),
    responses(
        (status = 200, description = "A page", body = Vec<ConversationShape>,
            headers(("Link" = Option<String>, description = "Where the next page is, as `<…>; rel=\"next\"`"))),
        QueryProblems, StaffProblems, CommonProblems))]
#[get("/api/conversations")]
pub async fn list_marketplace_conversations(
    auth: PartyAuth,
    params: web::Query<MarketplaceListParams>,
    page: web::Query<PageQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    params.must_be_own(&auth)?;
    let (cursor, limit) = page.parse()?;
    let page = state.conversations.marketplace_list(&auth.0, cursor, limit).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = page.next {
        let next = format!("</api/conversations?limit={}&cursor={}>; rel=\"next\"", limit.get(), next.encode());
        response.insert_header((LINK, next));
    }
    let shapes: Vec<_> = page
        .items
        .iter()
        .map(|one| {
            let newest = MessageShape::all(&one.messages, &one.conversation, &state.links);
            ConversationShape::new(&one.conversation, Some(newest)).for_side(&one.conversation, auth.0.side())
        })
        .collect();
    Ok(response.json(shapes))
}
