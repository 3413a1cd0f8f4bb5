//! A client of the stand-in, and a webhook for it.

use parlor_testkit::whatsapp::{Customer, FakeWhatsapp, HttpAnswer, Number, call};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub const NADIA: &str = "491700000001";

/// A stand-in to whose number Nadia just wrote.
pub async fn graph() -> FakeWhatsapp {
    let graph = FakeWhatsapp::start().await;
    graph.last_wrote(&Number::default(), &nadia(), Some(graph.now()));
    graph
}

pub fn nadia() -> Customer {
    Customer::new(NADIA).name("Nadia P.").user_id("DE.8812345678901234")
}

pub fn headers(token: &str, content_type: &str) -> Vec<(String, String)> {
    vec![
        ("Authorization".to_owned(), format!("Bearer {token}")),
        ("Content-Type".to_owned(), content_type.to_owned()),
    ]
}

pub async fn try_post(graph: &FakeWhatsapp, body: &Value) -> io::Result<HttpAnswer> {
    let url = format!("{}/v26.0/{}/messages", graph.base_url(), Number::EXAMPLE_ID);
    call("POST", &url, &headers(Number::EXAMPLE_TOKEN, "application/json"), body.to_string().as_bytes()).await
}

pub async fn post(graph: &FakeWhatsapp, body: &Value) -> HttpAnswer {
    try_post(graph, body).await.unwrap()
}

pub async fn get(graph: &FakeWhatsapp, path: &str) -> HttpAnswer {
    get_at(&format!("{}{path}", graph.base_url())).await
}

pub async fn get_at(url: &str) -> HttpAnswer {
    call("GET", url, &headers(Number::EXAMPLE_TOKEN, "text/plain"), b"").await.unwrap()
}

/// A message to Nadia.
pub fn to_nadia(kind: &str, content: &Value) -> Value {
    json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": NADIA, "type": kind, kind: content})
}

pub fn text(body: &str) -> Value {
    to_nadia("text", &json!({"preview_url": false, "body": body}))
}

pub fn code(answer: &HttpAnswer) -> u64 {
    answer.json()["error"]["code"].as_u64().unwrap_or_default()
}

/// What came to a webhook: the head of the request in small letters, and its body.
pub type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A webhook that answers these statuses, then 200 for ever.
pub async fn webhook(statuses: &[u16]) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhook", listener.local_addr().unwrap());
    let received = Received::default();
    let (kept, mut statuses) = (received.clone(), VecDeque::from(statuses.to_vec()));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let (head, length) = loop {
                stream.read_buf(&mut bytes).await.unwrap();
                let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
                let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                break (head.clone(), end + 4 + length.parse::<usize>().unwrap());
            };
            while bytes.len() < length {
                stream.read_buf(&mut bytes).await.unwrap();
            }
            let body = bytes[head.len() + 4..].to_vec();
            kept.lock().unwrap().push((head, body));
            let status = statuses.pop_front().unwrap_or(200);
            let answer = format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, received)
}

/// The statuses that came to a webhook, as soon as there are so many.
pub async fn reported(received: &Received, count: usize) -> Vec<Value> {
    for _ in 0..500 {
        let bodies: Vec<Value> = received.lock().unwrap().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
        if bodies.len() >= count {
            return bodies
                .iter()
                .map(|body| body["entry"][0]["changes"][0]["value"]["statuses"][0].clone())
                .collect();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no {count} statuses came")
}
