//! A model server to ask in tests: it says byte for byte what it is told to say, be it wrong, late or cut off, and remembers what it
//! was asked. It speaks plain HTTP/1.1 over a socket, because no HTTP library would misbehave on demand.

mod reply;
mod wire;

use reply::End;
pub use reply::{Gate, Reply};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::{hang_up, read_request, write_reply};

/// What a server was asked.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// Method and path, as in `POST /v1/chat/completions`.
    pub line: String,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body; null when it is no JSON.
    pub body: Value,
    /// When it came.
    pub at: Instant,
}

impl ModelRequest {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What the last turn says.
    #[must_use]
    pub fn last_text(&self) -> &str {
        let messages = self.body.get("messages").and_then(Value::as_array);
        let last = messages.and_then(|messages| messages.last());
        last.and_then(|message| message.get("content")).and_then(Value::as_str).unwrap_or_default()
    }
}

type Answer = dyn Fn(&ModelRequest) -> Reply + Send + Sync;

struct State {
    next: Mutex<VecDeque<Reply>>,
    answer: Mutex<Arc<Answer>>,
    requests: Mutex<Vec<ModelRequest>>,
    given_up: watch::Sender<usize>,
}

/// A model server on a port of its own.
pub struct FakeModelServer {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl FakeModelServer {
    /// One that greets, until it is told what to say.
    ///
    /// # Panics
    /// When there is no port.
    #[expect(clippy::expect_used, reason = "a fake for tests")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            next: Mutex::default(),
            answer: Mutex::new(Arc::new(|_| Reply::says("Hello from the model."))),
            requests: Mutex::default(),
            given_up: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, task }
    }

    /// What a channel is configured with.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// An address where nobody listens.
    ///
    /// # Panics
    /// When there is no port.
    #[expect(clippy::expect_used, reason = "a fake for tests")]
    #[must_use]
    pub fn nowhere() -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}/v1", listener.local_addr().expect("an address"))
    }

    /// The next request that no other reply is meant for gets this one.
    pub fn then(&self, reply: Reply) {
        lock(&self.state.next).push_back(reply);
    }

    /// Requests without a reply of their own get this one.
    pub fn always(&self, reply: Reply) {
        self.answering(move |_| reply.clone());
    }

    /// Requests without a reply of their own get what this makes of them.
    pub fn answering(&self, answer: impl Fn(&ModelRequest) -> Reply + Send + Sync + 'static) {
        *lock(&self.state.answer) = Arc::new(answer);
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ModelRequest> {
        lock(&self.state.requests).clone()
    }

    /// How often the other side went away before the end of a reply.
    #[must_use]
    pub fn given_up(&self) -> usize {
        *self.state.given_up.borrow()
    }

    /// Waits until the other side has gone away that often; says whether it did within five seconds.
    pub async fn was_given_up(&self, times: usize) -> bool {
        let mut given_up = self.state.given_up.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(5), given_up.wait_for(|count| *count >= times)).await;
        matches!(waited, Ok(Ok(_)))
    }
}

impl Drop for FakeModelServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        connections.spawn(serve(stream, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let (mut input, mut output) = stream.into_split();
    let mut unread = Vec::new();
    while let Some(request) = read_request(&mut input, &mut unread).await {
        let next = lock(&state.next).pop_front();
        let reply = next.unwrap_or_else(|| {
            let answer = Arc::clone(&lock(&state.answer));
            answer(&request)
        });
        lock(&state.requests).push(request);
        let end = reply.end;
        tokio::select! {
            written = write_reply(&mut output, reply) => match (written, end) {
                (Ok(()), End::Whole) => {}
                (Ok(()), End::Cut) => return,
                (Err(_), _) => return state.given_up.send_modify(|count| *count += 1),
            },
            () = hang_up(&mut input, &mut unread) => return state.given_up.send_modify(|count| *count += 1),
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
