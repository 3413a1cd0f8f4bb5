//! What the stand-in knows, behind one lock.

use super::call::Call;
use super::customer::Customer;
use super::error::GraphError;
use super::media::Media;
use super::message::Message;
use super::number::{Number, Template, next_id};
use super::rule::{Endpoint, Outcome, Rule};
use super::webhook::Webhook;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// How long a download link lives.
const LINK_SECONDS: i64 = 5 * 60;
/// How long free-form messages are allowed.
const WINDOW_SECONDS: i64 = 24 * 60 * 60;

/// What happens to free-form messages out of the 24-hour window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Window {
    /// They are refused with 131047.
    #[default]
    Refuses,
    /// They are accepted, and fail by a status with 131047.
    FailsLater,
    /// Nobody looks.
    Unchecked,
}

/// What is told about accepted messages, and to whom.
#[derive(Debug, Clone)]
pub struct Reports {
    pub(super) webhook: Webhook,
    pub(super) words: Vec<&'static str>,
    pub(super) before_answering: bool,
}

impl Reports {
    /// `sent`, then `delivered`.
    #[must_use]
    pub fn to(webhook: &Webhook) -> Self {
        Self {
            webhook: webhook.clone(),
            words: vec!["sent", "delivered"],
            before_answering: false,
        }
    }

    /// Then `read`, too.
    #[must_use]
    pub fn reading(mut self) -> Self {
        self.words.push("read");
        self
    }

    /// These words and no others.
    #[must_use]
    pub fn only(mut self, words: &[&'static str]) -> Self {
        self.words = words.to_vec();
        self
    }

    /// The first one comes before the answer to the call.
    #[must_use]
    pub const fn before_answering(mut self) -> Self {
        self.before_answering = true;
        self
    }
}

/// A message that keeps to the rules.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub number: Number,
    pub input: String,
    pub by_user_id: bool,
    pub customer: Customer,
    pub kind: String,
    pub opaque: Option<String>,
    pub fails_later: Option<u32>,
}

impl Sending {
    pub fn is_to(&self, customer: &str) -> bool {
        self.input == customer || self.customer.goes_by(customer)
    }
}

#[derive(Debug, Default)]
struct Known {
    customer: Customer,
    /// When they last wrote, by number.
    wrote: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct Link {
    media: String,
    expires: i64,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub numbers: BTreeMap<String, Number>,
    pub templates: Vec<Template>,
    pub media: BTreeMap<String, Media>,
    pub calls: Vec<Call>,
    pub rules: Vec<Rule>,
    pub reports: Option<Reports>,
    pub window: Window,
    pub not_to_user_ids: BTreeSet<String>,
    pub base_url: String,
    known: Vec<Known>,
    links: BTreeMap<String, Link>,
    offset: i64,
}

impl Inner {
    /// The unix second, as the stand-in sees it.
    #[expect(clippy::disallowed_methods, reason = "a server of its own, outside of the application")]
    pub fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or_default().saturating_add(self.offset)
    }

    pub fn set_now(&mut self, second: i64) {
        self.offset = self.offset.saturating_add(second.saturating_sub(self.now()));
    }

    /// The customer that goes by this id.
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.known.iter().map(|known| &known.customer).find(|customer| customer.goes_by(id))
    }

    /// Whether free-form messages to this customer are allowed now.
    pub fn window_is_open(&self, number: &Number, id: &str) -> bool {
        let mut known = self.known.iter().filter(|known| known.customer.goes_by(id));
        known.any(|known| {
            let wrote = known.wrote.get(&number.phone_number_id);
            wrote.is_some_and(|wrote| self.now() < wrote.saturating_add(WINDOW_SECONDS))
        })
    }

    /// A customer wrote at this second, or never did.
    pub fn wrote(&mut self, number: &Number, customer: &Customer, second: Option<i64>) {
        let id = number.phone_number_id.clone();
        self.change(customer, |known| {
            match second {
                Some(second) => known.wrote.insert(id, second),
                None => known.wrote.remove(&id),
            };
        });
    }

    /// Learns from a message that goes out to the webhook who its customer is and when they wrote.
    pub fn learn(&mut self, message: &Message) {
        let id = message.number.phone_number_id.clone();
        let second = message.second().unwrap_or_else(|| self.now());
        let new = |key: &str| message.value.get("system")?.get(key)?.as_str().map(str::to_owned);
        self.change(&message.customer, |known| {
            if message.is_system() {
                known.customer.wa_id = new("wa_id").or_else(|| known.customer.wa_id.take());
                known.customer.user_id = new("user_id").or_else(|| known.customer.user_id.take());
            } else {
                let last = known.wrote.entry(id).or_insert(second);
                *last = second.max(*last);
            }
        });
    }

    fn change(&mut self, customer: &Customer, change: impl FnOnce(&mut Known)) {
        let ids = [&customer.user_id, &customer.wa_id].into_iter().flatten();
        let place = ids.into_iter().find_map(|id| self.known.iter().position(|known| known.customer.goes_by(id)));
        let mut known = place.map(|place| self.known.swap_remove(place)).unwrap_or_default();
        let ours = &mut known.customer;
        ours.wa_id = customer.wa_id.clone().or_else(|| ours.wa_id.take());
        ours.user_id = customer.user_id.clone().or_else(|| ours.user_id.take());
        ours.parent_user_id = customer.parent_user_id.clone().or_else(|| ours.parent_user_id.take());
        change(&mut known);
        self.known.push(known);
    }

    /// Keeps a file.
    pub fn keep(&mut self, mime_type: &str, bytes: Vec<u8>) -> Media {
        let media = Media::new(mime_type, bytes);
        self.media.insert(media.id.clone(), media.clone());
        media
    }

    /// A new link to a file.
    pub fn link(&mut self, media: &str) -> String {
        let token = format!("EXAMPLE{}", next_id());
        let expires = self.now().saturating_add(LINK_SECONDS);
        let link = format!("{}/whatsapp_business/attachments/?mid={media}&ext={expires}&hash={token}", self.base_url);
        let media = media.to_owned();
        self.links.insert(token, Link { media, expires });
        link
    }

    /// The file behind a link that still lives.
    pub fn linked(&self, token: &str) -> Option<&Media> {
        let link = self.links.get(token).filter(|link| self.now() < link.expires)?;
        self.media.get(&link.media)
    }

    /// The number with this id, for those who may use it.
    pub fn number(&self, id: &str, bearer: Option<&str>) -> Result<&Number, GraphError> {
        let number = self.numbers.get(id).filter(|number| Some(number.access_token.as_str()) == bearer);
        number.ok_or_else(|| GraphError::unknown_object(id))
    }

    /// Refuses a token that belongs to no number.
    pub fn must_know(&self, bearer: Option<&str>) -> Result<(), GraphError> {
        let known = self.numbers.values().any(|number| Some(number.access_token.as_str()) == bearer);
        let details = "Invalid OAuth access token - Cannot parse access token";
        known.then_some(()).ok_or_else(|| GraphError::new(190, details))
    }

    /// How a test wants this call to end.
    pub fn take_rule(&mut self, endpoint: Endpoint, sending: Option<&Sending>) -> Option<Outcome> {
        let mut rules = self.rules.iter_mut();
        let rule = rules.find(|rule| rule.covers(endpoint, sending) && !matches!(rule.outcome, Outcome::ClosesUnread))?;
        rule.use_up();
        Some(rule.outcome.clone())
    }

    /// Whether a test wants this call to end before its body.
    pub fn closes_unread(&mut self, endpoint: Endpoint) -> bool {
        let mut rules = self.rules.iter_mut();
        let rule = rules.find(|rule| rule.covers(endpoint, None) && matches!(rule.outcome, Outcome::ClosesUnread));
        rule.map(Rule::use_up).is_some()
    }
}

#[derive(Debug)]
pub(super) struct State {
    inner: Mutex<Inner>,
    /// How many calls came.
    pub changed: watch::Sender<usize>,
    /// Of how many messages the webhook knows all.
    pub told: watch::Sender<usize>,
}

impl State {
    pub fn new(base_url: String) -> Self {
        let example = Number::default();
        let inner = Inner {
            numbers: BTreeMap::from([(example.phone_number_id.clone(), example)]),
            templates: vec![Template::new("hello_world", "en_US", 0), Template::new("order_ready", "de", 1)],
            base_url,
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            changed: watch::Sender::new(0),
            told: watch::Sender::new(0),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a call, for those who wait for one.
    pub fn record(&self, call: Call) {
        self.lock().calls.push(call);
        self.changed.send_modify(|calls| *calls += 1);
    }
}
