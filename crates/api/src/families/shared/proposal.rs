//! Offers and appointments, the same over all doors.

use super::MomentValue;
use crate::extract::Fields;
use crate::problem::Problem;
use parlor_domain::message::{InvalidProposal, Move, Proposal, price_of};
use parlor_domain::text::Metadata;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

/// What can be done to an offer or an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionWord {
    /// Take an offer.
    Accept,
    /// Say no to either.
    Decline,
    /// Offer another price instead, with `offerPrice`.
    Counter,
    /// Take back an own one.
    Withdraw,
    /// Agree to an appointment.
    Confirm,
    /// Ask for another time instead, with `startsAt`.
    Reschedule,
}

/// What shall be done to an offer or an appointment. Only the other side decides about it, only its author takes it back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionRequest {
    /// What to do.
    #[schema(example = "accept")]
    pub action: ActionWord,
    /// With `counter`: the other price.
    #[serde(default)]
    #[schema(value_type = Option<f64>, example = 18_500, minimum = 0)]
    pub offer_price: Option<Number>,
    /// With `reschedule`: the other time, as RFC 3339 or Unix milliseconds.
    #[serde(default)]
    #[schema(example = "2026-11-24T14:00:00.000Z")]
    pub starts_at: Option<MomentValue>,
}

impl ActionRequest {
    /// Checks it.
    ///
    /// # Errors
    /// A problem that names the field.
    pub fn parse(self) -> Result<Move, Problem> {
        let mut fields = Fields::new();
        let price = self.offer_price.and_then(|price| {
            let price = price_of(&Value::Number(price));
            fields.parsed("offerPrice", price.ok_or("must not be negative"))
        });
        let starts_at = self.starts_at.and_then(|at| fields.parsed("startsAt", at.parse()));
        fields.finish()?;
        match (self.action, price, starts_at) {
            (ActionWord::Accept, ..) => Ok(Move::Accept),
            (ActionWord::Decline, ..) => Ok(Move::Decline),
            (ActionWord::Withdraw, ..) => Ok(Move::Withdraw),
            (ActionWord::Confirm, ..) => Ok(Move::Confirm),
            (ActionWord::Counter, Some(price), _) => Ok(Move::Counter(Some(price))),
            (ActionWord::Counter, None, _) => Err(Problem::field("offerPrice", "is required with counter")),
            (ActionWord::Reschedule, _, Some(at)) => Ok(Move::Reschedule(Some(at))),
            (ActionWord::Reschedule, _, None) => Err(Problem::field("startsAt", "is required with reschedule")),
        }
    }
}

/// The content of an offer or an appointment that is to be stored; `name` is the field it stands in.
pub fn parse_proposal(
    fields: &mut Fields,
    name: &str,
    payload: Option<&Value>,
    propose: impl FnOnce(Option<Metadata>) -> Result<Proposal, InvalidProposal>,
) -> Option<Proposal> {
    let proposal = read_proposal(fields, name, payload, propose)?;
    must_fit(fields, name, &proposal);
    Some(proposal)
}

/// Leaves room for what the server writes beside it.
pub fn must_fit(fields: &mut Fields, name: &str, proposal: &Proposal) {
    if !proposal.fits() {
        fields.wrong(name, "must have at most 8000 bytes as JSON");
    }
}

/// The same of one that may be stored already, with what the server wrote beside it.
pub fn read_proposal(
    fields: &mut Fields,
    name: &str,
    payload: Option<&Value>,
    propose: impl FnOnce(Option<Metadata>) -> Result<Proposal, InvalidProposal>,
) -> Option<Proposal> {
    let payload = payload.cloned().map(Metadata::parse).transpose();
    let payload = fields.parsed(name, payload)?;
    let proposed = propose(payload).map_err(|wrong| (format!("{name}.{}", wrong.field), wrong.detail));
    proposed.map_err(|(field, detail)| fields.wrong(&field, detail)).ok()
}
