//! A stand-in for the WhatsApp Business Cloud API. It takes messages and objects to wrong ones as the real one does, keeps files, calls
//! the webhook with signed deliveries and statuses, and misbehaves when it is told to.
//!
//! ```no_run
//! # use parlor_testkit::whatsapp::{Customer, FakeWhatsapp, Reports, Rule, Webhook};
//! # async fn example() {
//! let graph = FakeWhatsapp::start().await;
//! let webhook = Webhook::new("http://127.0.0.1:8080/api/channels/whatsapp/webhook");
//! graph.reports(Reports::to(&webhook).reading());
//!
//! let nadia = Customer::new("491700000001").name("Nadia P.").user_id("DE.8812345678901234");
//! assert_eq!(graph.delivers(&webhook, nadia.text("Is the blue one in stock?")).await, 200);
//!
//! graph.rule(Rule::fails(131_056).times(2).to("491700000001"));
//! let sent = graph.until_sent(1).await;
//! assert_eq!(sent.last().and_then(|call| call.text()), Some("Yes, three are left."));
//! # }
//! ```

mod answer;
mod call;
mod check;
mod customer;
mod envelope;
mod error;
mod media;
mod message;
mod multipart;
mod number;
mod report;
mod rule;
mod serve;
mod state;
mod status;
mod webhook;
mod wire;

pub use crate::model_server::Gate;
pub use call::{Call, Upload};
pub use customer::Customer;
pub use envelope::Envelope;
pub use error::GraphError;
pub use media::{Media, sample};
pub use message::Message;
pub use number::{Number, Template, ids_begin_now};
pub use rule::{Endpoint, Rule};
pub use state::{Reports, Window};
pub use status::Status;
pub use webhook::{Delivery, Webhook, ascii_json, signature};
pub use wire::{HttpAnswer, call};

use state::State;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long it is waited for calls.
const PATIENCE: Duration = Duration::from_secs(10);

/// The API on a port of its own. It begins with the number [`Number::EXAMPLE_ID`] and the templates `hello_world` (`en_US`, no places)
/// and `order_ready` (`de`, one place).
pub struct FakeWhatsapp {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl FakeWhatsapp {
    /// One on any free port of this machine.
    ///
    /// # Panics
    /// When there is no port.
    #[expect(clippy::expect_used, reason = "a fake for tests")]
    pub async fn start() -> Self {
        Self::listen("127.0.0.1:0").await.expect("a free port")
    }

    /// One at this address.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn listen(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(format!("http://{address}")));
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, task })
    }

    /// What a channel is configured with.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number with this id; a new one when there is none.
    #[must_use]
    pub fn number(&self, phone_number_id: &str) -> Number {
        let mut inner = self.state.lock();
        let number = inner.numbers.entry(phone_number_id.to_owned());
        number.or_insert_with(|| Number::new(phone_number_id)).clone()
    }

    /// Serves this number, too, or knows better about it.
    pub fn serves(&self, number: &Number) {
        self.state.lock().numbers.insert(number.phone_number_id.clone(), number.clone());
    }

    /// A customer by phone id.
    #[must_use]
    pub fn customer(&self, wa_id: &str) -> Customer {
        Customer::new(wa_id)
    }

    /// Approves a template.
    pub fn approves(&self, template: Template) {
        self.state.lock().templates.push(template);
    }

    /// Keeps a file that a customer can send.
    #[must_use]
    pub fn media(&self, mime_type: &str, bytes: impl Into<Vec<u8>>) -> Media {
        self.state.lock().keep(mime_type, bytes.into())
    }

    /// Says something else about a file from now on: a wrong hash, an address elsewhere, other bytes.
    pub fn changes(&self, media: &Media) {
        self.state.lock().media.insert(media.id.clone(), media.clone());
    }

    /// Knows nothing of a file any more.
    pub fn forgets(&self, media: &Media) {
        self.state.lock().media.remove(&media.id);
    }

    /// The file with this id, such as one that was uploaded.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<Media> {
        self.state.lock().media.get(id).cloned()
    }

    /// The unix second here.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.state.lock().now()
    }

    /// From now on it is this second, and time goes on from there.
    pub fn set_now(&self, second: i64) {
        self.state.lock().set_now(second);
    }

    /// Time passes: windows close, download links die.
    pub fn advance(&self, time: Duration) {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let mut inner = self.state.lock();
        let now = inner.now().saturating_add(seconds);
        inner.set_now(now);
    }

    /// A customer last wrote to a number at this second; `None` for never. Deliveries say so by themselves.
    pub fn last_wrote(&self, number: &Number, customer: &Customer, second: Option<i64>) {
        self.state.lock().wrote(number, customer, second);
    }

    /// What happens to free-form messages out of the 24-hour window.
    pub fn window(&self, window: Window) {
        self.state.lock().window = window;
    }

    /// Messages of these types cannot go to a user id: 131062.
    pub fn not_to_user_ids(&self, kinds: &[&str]) {
        self.state.lock().not_to_user_ids = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    }

    /// Some of the next calls end otherwise. Of several rules that fit, the oldest counts.
    pub fn rule(&self, rule: Rule) {
        self.state.lock().rules.push(rule);
    }

    /// All calls end as usual again.
    pub fn no_rules(&self) {
        self.state.lock().rules.clear();
    }

    /// Accepted messages are followed by statuses.
    pub fn reports(&self, reports: Reports) {
        self.state.lock().reports = Some(reports);
    }

    /// They are followed by nothing, as from the start.
    pub fn reports_nothing(&self) {
        self.state.lock().reports = None;
    }

    /// What a delivery would be, for those who change it before they post it.
    #[must_use]
    pub fn delivery(&self, webhook: &Webhook, what: impl Into<Envelope>) -> Delivery {
        let envelope = what.into();
        let mut inner = self.state.lock();
        envelope.messages().for_each(|message| inner.learn(message));
        webhook.signed_json(&envelope.json(inner.now()))
    }

    /// Delivers, and says with what status the webhook answered.
    ///
    /// # Panics
    /// When the webhook cannot be reached.
    #[expect(clippy::expect_used, reason = "a fake for tests")]
    pub async fn delivers(&self, webhook: &Webhook, what: impl Into<Envelope>) -> u16 {
        let answer = webhook.post(&self.delivery(webhook, what)).await;
        answer.expect("a webhook that answers").status
    }

    /// All that was asked so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.clone()
    }

    /// What was asked of one endpoint.
    #[must_use]
    pub fn calls_at(&self, endpoint: Endpoint) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.endpoint == endpoint).collect()
    }

    /// The messages that were accepted.
    #[must_use]
    pub fn sent(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.wamid.is_some()).collect()
    }

    /// Waits for so many calls of an endpoint, for ten seconds at most; returns those that came.
    pub async fn until_calls(&self, endpoint: Endpoint, count: usize) -> Vec<Call> {
        self.until(|| self.calls_at(endpoint).len() >= count).await;
        self.calls_at(endpoint)
    }

    /// Waits for so many accepted messages, for ten seconds at most; returns those that came.
    pub async fn until_sent(&self, count: usize) -> Vec<Call> {
        self.until(|| self.sent().len() >= count).await;
        self.sent()
    }

    /// Waits for the next call that comes after so many, without end.
    pub async fn more_than(&self, count: usize) -> Vec<Call> {
        let mut changed = self.state.changed.subscribe();
        let _ = changed.wait_for(|calls| *calls > count).await;
        self.calls()
    }

    /// Waits until the webhook was told all there is to tell of so many messages, for ten seconds at most.
    pub async fn until_reported(&self, messages: usize) -> bool {
        let mut told = self.state.told.subscribe();
        let waited = tokio::time::timeout(PATIENCE, told.wait_for(|count| *count >= messages)).await;
        matches!(waited, Ok(Ok(_)))
    }

    async fn until(&self, come: impl Fn() -> bool) {
        let mut changed = self.state.changed.subscribe();
        let _ = tokio::time::timeout(PATIENCE, changed.wait_for(|_| come())).await;
    }

    /// Forgets what was asked so far.
    pub fn forgets_calls(&self) {
        self.state.lock().calls.clear();
    }
}

impl Drop for FakeWhatsapp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        connections.spawn(serve::serve(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}
