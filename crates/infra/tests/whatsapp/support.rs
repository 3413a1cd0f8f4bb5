//! The adapter, a number to use it with, and a server that says byte for byte what it is told to.

use parlor_domain::id::{ChannelId, WorkspaceId};
use parlor_domain::whatsapp::{GraphError, Number, OutgoingContent, OutgoingMessage, Recipient, Secret, SendFailure};
use parlor_infra::channel::whatsapp::{CloudApi, Patience};
use parlor_infra::outgoing::GuardedClient;
use parlor_testkit::whatsapp::{FakeWhatsapp, Number as FakeNumber, Window};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

/// The token of all numbers here; it must never be seen anywhere else.
pub const TOKEN: &str = FakeNumber::EXAMPLE_TOKEN;

pub async fn graph() -> FakeWhatsapp {
    let graph = FakeWhatsapp::start().await;
    graph.window(Window::Unchecked);
    graph
}

pub fn api() -> CloudApi {
    CloudApi::new(Arc::new(GuardedClient::new(&[]).unwrap()))
}

/// One that does not wait for long.
pub fn hasty() -> CloudApi {
    let short = Duration::from_millis(300);
    api().with_patience(Patience {
        connect: short,
        whole: short,
        media: short,
    })
}

/// A number whose platform is there because the operator says so.
pub fn number(base: &str) -> Number {
    Number {
        channel_id: ChannelId(Uuid::from_u128(1)),
        workspace_id: WorkspaceId(Uuid::from_u128(2)),
        phone_number_id: FakeNumber::EXAMPLE_ID.to_owned(),
        base_url: base.to_owned(),
        by_operator: true,
        version: "v26.0".to_owned(),
        access_token: Secret::parse(TOKEN).ok(),
    }
}

pub fn message(content: OutgoingContent) -> OutgoingMessage {
    OutgoingMessage {
        to: Recipient::Phone("491700000001".to_owned()),
        content,
        reply_to: None,
        callback_data: None,
    }
}

pub fn text() -> OutgoingMessage {
    message(OutgoingContent::Text("Yes, three are left.".to_owned()))
}

pub fn refusal(failure: SendFailure) -> GraphError {
    match failure {
        SendFailure::Refused(error) => error,
        other => panic!("not refused: {other:?}"),
    }
}

pub fn is_unknown(failure: &SendFailure) -> bool {
    matches!(failure, SendFailure::Unknown(_))
}

pub fn is_unreached(failure: &SendFailure) -> bool {
    matches!(failure, SendFailure::Unreached(_))
}

/// An address where nobody listens.
pub fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Answers these bytes, one after the other, each on a connection of its own that is closed behind it; then nothing any more.
pub struct Server {
    pub base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn saying(answers: impl IntoIterator<Item = String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut answers, own) = (requests.clone(), answers.into_iter().collect::<VecDeque<_>>(), base.clone());
        tokio::spawn(async move {
            while let Some(answer) = answers.pop_front() {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                // Small requests come at once, or nearly so; what is left of larger ones is of no interest.
                while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap() == 0 {
                        break;
                    }
                }
                kept.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                let _ = stream.write_all(answer.replace("{base}", &own).as_bytes()).await;
                let _ = stream.shutdown().await;
                // Until the other side is done, too: bytes left unread would reset the connection, and the answer with it.
                while matches!(stream.read_buf(&mut request).await, Ok(count) if count > 0) {}
            }
        });
        Self { base, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// An answer with this status, header lines and body.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

pub fn json(status: u16, body: &serde_json::Value) -> String {
    answer(status, "Content-Type: application/json\r\n", &body.to_string())
}
