//! Offers and appointments: messages that one side proposes and the other decides.
//!
//! Each is a small state machine whose state stands in the message's payload, under `status`, where clients read it. Only
//! the server writes there.

use super::{Message, MessageKind, Side};
use crate::clock::Timestamp;
use crate::text::Metadata;
use serde_json::{Map, Number, Value};
use std::time::Duration;

/// How long an offer stands that names no end.
pub const OFFER_STANDS_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where an offer or an appointment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProposalStatus {
    /// An offer that nobody has decided.
    Pending,
    /// An offer that the other side took.
    Accepted,
    /// The other side said no.
    Declined,
    /// The other side offered something else instead.
    Countered,
    /// Its author took it back.
    Withdrawn,
    /// An offer whose time ran out.
    Expired,
    /// An appointment that nobody has decided.
    Requested,
    /// An appointment that the other side agreed to.
    Confirmed,
    /// The other side asked for another time instead.
    Rescheduled,
}

impl ProposalStatus {
    /// The word in the payload.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Countered => "countered",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Requested => "requested",
            Self::Confirmed => "confirmed",
            Self::Rescheduled => "rescheduled",
        }
    }

    /// Reads the word in the payload of a kind of message. Old clients have words of their own, which say nothing here.
    #[must_use]
    pub fn from_word(kind: MessageKind, word: &str) -> Option<Self> {
        match (kind, word) {
            (MessageKind::Offer, "pending") => Some(Self::Pending),
            (MessageKind::Offer, "accepted") => Some(Self::Accepted),
            (MessageKind::Offer, "countered") => Some(Self::Countered),
            (MessageKind::Offer, "expired") => Some(Self::Expired),
            (MessageKind::Appointment, "requested") => Some(Self::Requested),
            (MessageKind::Appointment, "confirmed") => Some(Self::Confirmed),
            (MessageKind::Appointment, "rescheduled") => Some(Self::Rescheduled),
            (MessageKind::Offer | MessageKind::Appointment, "declined") => Some(Self::Declined),
            (MessageKind::Offer | MessageKind::Appointment, "withdrawn") => Some(Self::Withdrawn),
            _ => None,
        }
    }

    /// Whether it still waits for a decision.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Requested)
    }
}

/// What can be done to an offer or an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Take an offer.
    Accept,
    /// Say no to an offer or an appointment.
    Decline,
    /// Offer another price instead. Without one the new offer is a message that its author sends by itself.
    Counter(Option<Number>),
    /// Take back what one proposed.
    Withdraw,
    /// Agree to an appointment.
    Confirm,
    /// Ask for another time instead. Without one the new request is a message that its author sends by itself.
    Reschedule(Option<Timestamp>),
    /// The offer's time ran out. Only the server does this.
    Expire,
}

impl Move {
    /// What an offer or an appointment is after it; `None` if it is not for this kind of message.
    #[must_use]
    pub const fn leads_to(&self, kind: MessageKind) -> Option<ProposalStatus> {
        match (kind, self) {
            (MessageKind::Offer, Self::Accept) => Some(ProposalStatus::Accepted),
            (MessageKind::Offer, Self::Counter(_)) => Some(ProposalStatus::Countered),
            (MessageKind::Offer, Self::Expire) => Some(ProposalStatus::Expired),
            (MessageKind::Appointment, Self::Confirm) => Some(ProposalStatus::Confirmed),
            (MessageKind::Appointment, Self::Reschedule(_)) => Some(ProposalStatus::Rescheduled),
            (MessageKind::Offer | MessageKind::Appointment, Self::Decline) => Some(ProposalStatus::Declined),
            (MessageKind::Offer | MessageKind::Appointment, Self::Withdraw) => Some(ProposalStatus::Withdrawn),
            _ => None,
        }
    }

    /// The move by which a client that saves its whole conversation means this status; `None` if it is nobody's move.
    #[must_use]
    pub const fn towards(status: ProposalStatus) -> Option<Self> {
        match status {
            ProposalStatus::Accepted => Some(Self::Accept),
            ProposalStatus::Declined => Some(Self::Decline),
            ProposalStatus::Countered => Some(Self::Counter(None)),
            ProposalStatus::Withdrawn => Some(Self::Withdraw),
            ProposalStatus::Confirmed => Some(Self::Confirm),
            ProposalStatus::Rescheduled => Some(Self::Reschedule(None)),
            ProposalStatus::Pending | ProposalStatus::Expired | ProposalStatus::Requested => None,
        }
    }
}

/// Why a payload is no offer and no appointment: the field, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {detail}")]
pub struct InvalidProposal {
    /// Which field of the payload.
    pub field: &'static str,
    /// What it must be.
    pub detail: &'static str,
}

/// What a client proposes, as it sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    kind: MessageKind,
    payload: Map<String, Value>,
}

impl Proposal {
    /// An offer: `offerPrice` is a number that is not negative and `expiresAt` a moment, each if it is there. Other fields are the client's.
    ///
    /// # Errors
    /// What [`InvalidProposal`] says.
    pub fn offer(payload: Option<Metadata>) -> Result<Self, InvalidProposal> {
        let payload = fields(payload);
        if payload.get("offerPrice").is_some_and(|price| !price.is_null() && price_of(price).is_none()) {
            return Err(InvalidProposal {
                field: "offerPrice",
                detail: "must be a number that is not negative",
            });
        }
        let made = Self {
            kind: MessageKind::Offer,
            payload,
        };
        made.must_be_moment("expiresAt")?;
        Ok(made)
    }

    /// An appointment: `startsAt` is a moment, if it is there. Other fields are the client's.
    ///
    /// # Errors
    /// What [`InvalidProposal`] says.
    pub fn appointment(payload: Option<Metadata>) -> Result<Self, InvalidProposal> {
        let made = Self {
            kind: MessageKind::Appointment,
            payload: fields(payload),
        };
        made.must_be_moment("startsAt")?;
        Ok(made)
    }

    fn must_be_moment(&self, field: &'static str) -> Result<(), InvalidProposal> {
        match self.payload.get(field) {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(text)) if Timestamp::parse_rfc3339(text).is_some() => Ok(()),
            Some(_) => Err(InvalidProposal {
                field,
                detail: "must be a time as in RFC 3339, such as 2026-11-20T09:00:00Z",
            }),
        }
    }

    /// Offer or appointment.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The status that the client wrote, if it is one of ours.
    #[must_use]
    pub fn claimed_status(&self) -> Option<ProposalStatus> {
        ProposalStatus::from_word(self.kind, self.payload.get("status")?.as_str()?)
    }

    /// Whether what the server writes beside it still fits: as stored it has at most [`Metadata::MAX_BYTES`].
    #[must_use]
    pub fn fits(&self) -> bool {
        const ROOM: usize = 192;
        self.content().to_string().len() + ROOM <= Metadata::MAX_BYTES
    }

    /// What makes it the same when it is sent again. The status is ours to write, so it does not count.
    #[must_use]
    pub fn content(&self) -> Value {
        let mut payload = self.payload.clone();
        payload.remove("status");
        Value::Object(payload)
    }

    /// What is stored of it at `now`. A word for the status that only the client knows stays; one of ours is ours to decide.
    #[must_use]
    pub fn payload(&self, now: Timestamp) -> Value {
        let mut payload = self.payload.clone();
        let unknown = payload.get("status").and_then(Value::as_str).is_some_and(|word| !is_ours(word));
        let first = match self.kind {
            MessageKind::Appointment => ProposalStatus::Requested,
            _ => ProposalStatus::Pending,
        };
        if !unknown {
            payload.insert("status".to_owned(), first.as_str().into());
        }
        if self.kind == MessageKind::Offer && !payload.get("expiresAt").is_some_and(Value::is_string) {
            payload.insert("expiresAt".to_owned(), now.plus(OFFER_STANDS_FOR).to_rfc3339().into());
        }
        Value::Object(payload)
    }

    /// The offer that answers another one.
    #[must_use]
    pub fn counter(to: &Message, price: Number) -> Self {
        Self {
            kind: MessageKind::Offer,
            payload: Map::from_iter([
                ("offerPrice".to_owned(), Value::Number(price)),
                ("counterOf".to_owned(), Value::String(to.id.to_string())),
            ]),
        }
    }

    /// The request for another time than the one that `to` asked for. What else the client wrote there (a place, a car) still holds.
    #[must_use]
    pub fn rescheduled(to: &Message, starts_at: Timestamp) -> Self {
        let mut payload = to.payload.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        payload.remove("status");
        payload.insert("startsAt".to_owned(), starts_at.to_rfc3339().into());
        payload.insert("rescheduleOf".to_owned(), to.id.to_string().into());
        Self {
            kind: MessageKind::Appointment,
            payload,
        }
    }
}

/// Whether a word says where an offer or an appointment stands, to whoever reads it.
fn is_ours(word: &str) -> bool {
    let word = word.trim().to_lowercase();
    [MessageKind::Offer, MessageKind::Appointment]
        .iter()
        .any(|kind| ProposalStatus::from_word(*kind, &word).is_some())
}

fn fields(payload: Option<Metadata>) -> Map<String, Value> {
    payload.and_then(|payload| payload.value().as_object().cloned()).unwrap_or_default()
}

/// A price: a number that is not negative.
#[must_use]
pub fn price_of(value: &Value) -> Option<Number> {
    let number = value.as_number()?;
    number.as_f64().is_some_and(|price| price >= 0.0 && price.is_finite()).then(|| number.clone())
}

impl Message {
    /// Where it stands, if it is an offer or an appointment. A word that only the client knows is like none: it is open.
    #[must_use]
    pub fn proposal_status(&self) -> Option<ProposalStatus> {
        let open = match self.kind {
            MessageKind::Offer => ProposalStatus::Pending,
            MessageKind::Appointment => ProposalStatus::Requested,
            _ => return None,
        };
        let word = self.payload_field("status").and_then(Value::as_str);
        Some(word.and_then(|word| ProposalStatus::from_word(self.kind, word)).unwrap_or(open))
    }

    /// When an open offer ends.
    #[must_use]
    pub fn offer_ends_at(&self) -> Option<Timestamp> {
        if self.kind != MessageKind::Offer || self.deleted_at.is_some() || !self.proposal_status()?.is_open() {
            return None;
        }
        let named = self.payload_field("expiresAt").and_then(Value::as_str).and_then(Timestamp::parse_rfc3339);
        Some(named.unwrap_or_else(|| self.created_at.plus(OFFER_STANDS_FOR)))
    }

    /// What is offered.
    #[must_use]
    pub fn offer_price(&self) -> Option<Number> {
        self.payload_field("offerPrice").and_then(price_of)
    }

    /// Whether somebody on `side` decides about it: the other side than its author's.
    #[must_use]
    pub fn is_decided_by(&self, side: Side) -> bool {
        self.sender.kind.side() != side
    }

    pub(crate) fn set_proposal_status(&mut self, status: ProposalStatus) {
        let mut payload = self.payload.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        payload.insert("status".to_owned(), status.as_str().into());
        self.payload = Some(Value::Object(payload));
    }

    fn payload_field(&self, name: &str) -> Option<&Value> {
        self.payload.as_ref()?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_763_629_203_120);

    fn offer(payload: Value) -> Result<Proposal, InvalidProposal> {
        Proposal::offer(Some(Metadata::parse(payload).unwrap()))
    }

    #[test]
    fn an_offer_begins_pending_and_ends_after_a_week_unless_it_says_when() {
        let stored = offer(json!({"offerPrice": 18_500, "note": "with tyres"})).unwrap().payload(NOW);
        assert_eq!(
            stored,
            json!({"offerPrice": 18_500, "note": "with tyres", "status": "pending", "expiresAt": "2025-11-27T09:00:03.120Z"})
        );
        let named = offer(json!({"expiresAt": "2026-01-01T00:00:00Z"})).unwrap().payload(NOW);
        assert_eq!(named["expiresAt"], "2026-01-01T00:00:00Z");
    }

    #[test]
    fn nobody_decides_about_the_own_offer_by_writing_so() {
        for word in ["accepted", "expired", "pending", "confirmed", " Accepted"] {
            assert_eq!(offer(json!({"status": word})).unwrap().payload(NOW)["status"], "pending");
        }
        let unknown = offer(json!({"status": "negotiating"})).unwrap();
        assert_eq!((unknown.payload(NOW)["status"].as_str(), unknown.claimed_status()), (Some("negotiating"), None));
        assert_eq!(Proposal::appointment(None).unwrap().payload(NOW), json!({"status": "requested"}));
    }

    #[test]
    fn the_status_is_no_part_of_what_was_sent() {
        let sent = offer(json!({"offerPrice": 1, "status": "pending"})).unwrap();
        assert_eq!(sent.content(), offer(json!({"offerPrice": 1, "status": "accepted"})).unwrap().content());
        assert_ne!(sent.content(), offer(json!({"offerPrice": 2})).unwrap().content());
    }

    #[test]
    fn prices_and_times_are_checked_where_they_are_given() {
        for good in [
            json!({}),
            json!({"offerPrice": null}),
            json!({"offerPrice": 0}),
            json!({"offerPrice": 12.5, "expiresAt": null}),
        ] {
            assert!(offer(good.clone()).is_ok(), "{good}");
        }
        for (wrong, field) in [
            (json!({"offerPrice": -1}), "offerPrice"),
            (json!({"offerPrice": "12"}), "offerPrice"),
            (json!({"expiresAt": "tomorrow"}), "expiresAt"),
            (json!({"expiresAt": 17}), "expiresAt"),
        ] {
            assert_eq!(offer(wrong.clone()).map_err(|error| error.field), Err(field), "{wrong}");
        }
        let appointment = Proposal::appointment(Some(Metadata::parse(json!({"startsAt": "noon"})).unwrap()));
        assert_eq!(appointment.map_err(|error| error.field), Err("startsAt"));
    }

    #[test]
    fn each_move_is_for_its_kind_of_message() {
        use MessageKind::{Appointment, Offer, System, Text};
        let moves = [
            (Move::Accept, Some("accepted"), None),
            (Move::Decline, Some("declined"), Some("declined")),
            (Move::Counter(None), Some("countered"), None),
            (Move::Withdraw, Some("withdrawn"), Some("withdrawn")),
            (Move::Expire, Some("expired"), None),
            (Move::Confirm, None, Some("confirmed")),
            (Move::Reschedule(None), None, Some("rescheduled")),
        ];
        for (one, offer, appointment) in moves {
            let word = |kind| one.leads_to(kind).map(ProposalStatus::as_str);
            assert_eq!(
                (word(Offer), word(Appointment), word(Text), word(System)),
                (offer, appointment, None, None),
                "{one:?}"
            );
            for (kind, word) in [(Offer, offer), (Appointment, appointment)] {
                let status = word.and_then(|word| ProposalStatus::from_word(kind, word));
                assert_eq!(status.map(ProposalStatus::as_str), word);
                if one != Move::Expire
                    && let Some(status) = status
                {
                    assert_eq!(Move::towards(status), Some(one.clone()));
                }
            }
        }
        assert_eq!(ProposalStatus::from_word(Appointment, "accepted"), None);
        assert_eq!(ProposalStatus::from_word(Text, "declined"), None);
    }
}
