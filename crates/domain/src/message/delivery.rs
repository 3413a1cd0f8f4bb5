//! How far a message got on a channel whose platform has ids and states of its own.

use super::MessageStatus;
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// How far one part got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Waits.
    Queued,
    /// A request about it is on its way. Found so after a crash, nobody knows what became of it.
    Sending,
    /// The request went out and no answer came.
    Unknown,
    /// The platform took it.
    Sent,
    /// It reached the customer's device.
    Delivered,
    /// The customer has seen it.
    Read,
    /// It will not reach the customer.
    Failed,
    /// The channel sends nothing out.
    Logged,
}

impl PartState {
    /// What it means for the message.
    #[must_use]
    pub const fn status(self) -> MessageStatus {
        match self {
            Self::Queued | Self::Sending => MessageStatus::Queued,
            Self::Unknown => MessageStatus::Unknown,
            Self::Sent => MessageStatus::Sent,
            Self::Delivered => MessageStatus::Delivered,
            Self::Read => MessageStatus::Read,
            Self::Failed => MessageStatus::Failed,
            Self::Logged => MessageStatus::Logged,
        }
    }

    /// States only move up in this order.
    const fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sending => 1,
            Self::Unknown => 2,
            Self::Logged => 3,
            Self::Sent => 4,
            Self::Delivered => 5,
            Self::Read => 6,
            // Final: nothing stands above it. What is known to have arrived does not fail any more.
            Self::Failed => 7,
        }
    }

    /// Whether the request about it is over, whatever came of it.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending)
    }
}

/// Why a part failed, in the platform's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryError {
    /// The platform's code; 0 if it gave none.
    pub code: i64,
    /// What it says.
    pub message: String,
}

/// One thing that goes out for a message: a text longer than the platform takes, or several files, are several parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What the platform knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// How far it got.
    pub state: PartState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<DeliveryError>,
    /// When the platform took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it reached the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// When it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// When it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

impl Part {
    /// One that waits.
    #[must_use]
    pub const fn queued() -> Self {
        Self {
            external_id: None,
            state: PartState::Queued,
            error: None,
            sent_at: None,
            delivered_at: None,
            read_at: None,
            failed_at: None,
        }
    }

    /// Moves it up, never down; a lower state that comes late only leaves its time. What arrived does not fail any more. True if
    /// anything changed.
    pub fn move_to(&mut self, state: PartState, at: Timestamp, error: Option<DeliveryError>) -> bool {
        let before = self.clone();
        let arrived = matches!(self.state, PartState::Delivered | PartState::Read);
        if state == PartState::Failed && arrived || self.state == PartState::Failed {
            return false;
        }
        let moment = match state {
            PartState::Sent => Some(&mut self.sent_at),
            PartState::Delivered => Some(&mut self.delivered_at),
            PartState::Read => Some(&mut self.read_at),
            PartState::Failed => Some(&mut self.failed_at),
            PartState::Queued | PartState::Sending | PartState::Unknown | PartState::Logged => None,
        };
        if let Some(moment) = moment {
            moment.get_or_insert(at);
        }
        // A request that surely was not taken waits again.
        let waits_again = state == PartState::Queued && self.state == PartState::Sending;
        if state.rank() > self.state.rank() || waits_again {
            self.state = state;
            self.error = error;
        }
        *self != before
    }
}

/// What a channel's platform knows of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// Its parts, in the order in which they go out. One that came in has one.
    pub parts: Vec<Part>,
}

impl Delivery {
    /// Of a message that came in.
    #[must_use]
    pub fn received(external_id: String) -> Self {
        let part = Part {
            external_id: Some(external_id),
            state: PartState::Sent,
            ..Part::queued()
        };
        Self { parts: vec![part] }
    }

    /// Of a message that shall go out; into how many parts is seen when it does.
    #[must_use]
    pub fn waiting() -> Self {
        Self { parts: vec![Part::queued()] }
    }

    /// What the platform knows its first part by.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.parts.first().and_then(|part| part.external_id.as_deref())
    }

    /// The message's status: that of its lowest part, failed if any failed.
    #[must_use]
    pub fn status(&self) -> MessageStatus {
        let failed = self.parts.iter().any(|part| part.state == PartState::Failed);
        let lowest = self.parts.iter().map(|part| part.state).min_by_key(|state| state.rank());
        match lowest {
            _ if failed => MessageStatus::Failed,
            Some(state) => state.status(),
            None => MessageStatus::Queued,
        }
    }

    /// Why it failed: the first part that did.
    #[must_use]
    pub fn error(&self) -> Option<&DeliveryError> {
        self.parts.iter().find_map(|part| part.error.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(state: PartState) -> Part {
        Part { state, ..Part::queued() }
    }

    #[test]
    fn a_part_only_moves_up() {
        let mut part = at(PartState::Sent);
        assert!(part.move_to(PartState::Read, Timestamp(30), None));
        assert_eq!((part.state, part.read_at, part.delivered_at), (PartState::Read, Some(Timestamp(30)), None));
        // A lower one that comes late fills its own time, once.
        assert!(part.move_to(PartState::Delivered, Timestamp(20), None));
        assert_eq!((part.state, part.delivered_at), (PartState::Read, Some(Timestamp(20))));
        assert!(!part.move_to(PartState::Delivered, Timestamp(25), None));
        assert!(!part.move_to(PartState::Read, Timestamp(40), None));
    }

    #[test]
    fn what_arrived_does_not_fail_and_what_failed_stays_so() {
        let error = || {
            Some(DeliveryError {
                code: 131_026,
                message: "Message undeliverable".to_owned(),
            })
        };
        for arrived in [PartState::Delivered, PartState::Read] {
            assert!(!at(arrived).move_to(PartState::Failed, Timestamp(1), error()));
        }
        let mut part = at(PartState::Sent);
        assert!(part.move_to(PartState::Failed, Timestamp(1), error()));
        assert_eq!((part.state, part.error.clone()), (PartState::Failed, error()));
        assert!(!part.move_to(PartState::Delivered, Timestamp(2), None));
    }

    #[test]
    fn a_request_that_was_surely_not_taken_waits_again() {
        let mut part = at(PartState::Sending);
        assert!(part.move_to(PartState::Queued, Timestamp(1), None));
        assert_eq!(part.state, PartState::Queued);
        assert!(!at(PartState::Unknown).move_to(PartState::Queued, Timestamp(1), None));
        assert!(at(PartState::Unknown).move_to(PartState::Delivered, Timestamp(1), None));
    }

    #[test]
    fn a_message_is_as_far_as_its_lowest_part() {
        let of = |states: &[PartState]| {
            Delivery {
                parts: states.iter().copied().map(at).collect(),
            }
            .status()
        };
        assert_eq!(of(&[PartState::Read, PartState::Delivered]), MessageStatus::Delivered);
        assert_eq!(of(&[PartState::Sent, PartState::Queued]), MessageStatus::Queued);
        assert_eq!(of(&[PartState::Sent, PartState::Unknown]), MessageStatus::Unknown);
        assert_eq!(of(&[PartState::Read, PartState::Failed]), MessageStatus::Failed);
        assert_eq!(of(&[PartState::Logged]), MessageStatus::Logged);
        assert_eq!(of(&[]), MessageStatus::Queued);
    }
}
