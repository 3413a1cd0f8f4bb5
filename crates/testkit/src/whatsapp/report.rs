//! What the webhook is told about accepted messages.

use super::customer::Customer;
use super::envelope::Envelope;
use super::state::{Sending, State};
use super::status::Status;
use super::webhook::Webhook;
use std::sync::Arc;
use std::time::Duration;

const TRIES: u32 = 5;

/// The statuses that are still to come for one message.
#[derive(Debug)]
pub(super) struct Rest {
    webhook: Webhook,
    statuses: Vec<Status>,
}

/// Tells what is to be told before the call is answered, and says what is left.
pub(super) async fn before_answer(state: &State, wamid: &str, sending: &Sending) -> Option<Rest> {
    let reports = state.lock().reports.clone()?;
    let customer = if sending.by_user_id {
        Customer::hidden(&sending.input)
    } else {
        sending.customer.clone()
    };
    let about = |status: Status| {
        let status = status.to(&customer).number(&sending.number);
        match &sending.opaque {
            Some(data) => status.opaque(data),
            None => status,
        }
    };
    let mut statuses: Vec<Status> = match sending.fails_later {
        Some(code) => vec![about(Status::failed(wamid, code))],
        None => reports.words.iter().map(|word| about(known(wamid, word))).collect(),
    };
    if reports.before_answering && !statuses.is_empty() {
        tell(state, &reports.webhook, statuses.remove(0)).await;
    }
    Some(Rest {
        webhook: reports.webhook,
        statuses,
    })
}

impl Rest {
    /// One after the other.
    pub async fn deliver(self, state: Arc<State>) {
        for status in self.statuses {
            tell(&state, &self.webhook, status).await;
        }
        state.told.send_modify(|messages| *messages += 1);
    }
}

fn known(wamid: &str, word: &str) -> Status {
    match word {
        "sent" => Status::sent(wamid),
        "delivered" => Status::delivered(wamid),
        "read" => Status::read(wamid),
        other => Status::new(wamid, other),
    }
}

/// Repeats itself with growing delays, as the platform does, if not for seven days.
async fn tell(state: &State, webhook: &Webhook, status: Status) {
    let now = state.lock().now();
    let delivery = webhook.signed_json(&Envelope::from(status).json(now));
    for attempt in 0..TRIES {
        match webhook.post(&delivery).await {
            Ok(answer) if answer.status < 500 => return,
            _ => tokio::time::sleep(Duration::from_millis(100 << attempt)).await,
        }
    }
}
