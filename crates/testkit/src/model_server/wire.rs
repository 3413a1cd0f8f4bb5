//! HTTP/1.1, as far as a model server needs it.

use super::ModelRequest;
use super::reply::{End, Reply, Step};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The next request of a connection; `None` when there is none.
pub(super) async fn read_request(input: &mut OwnedReadHalf, unread: &mut Vec<u8>) -> Option<ModelRequest> {
    let head_end = loop {
        match unread.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(place) => break place,
            None if input.read_buf(unread).await.ok()? == 0 => return None,
            None => {}
        }
    };
    let head = String::from_utf8_lossy(unread.get(..head_end)?).into_owned();
    unread.drain(..head_end + 4);
    let mut lines = head.split("\r\n");
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok());
    let length: usize = length.unwrap_or(0);
    while unread.len() < length {
        if input.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
    let body: Vec<u8> = unread.drain(..length).collect();
    Some(ModelRequest {
        line,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        at: Instant::now(),
    })
}

/// Writes a reply in chunks. The head goes out with the first bytes; the end together with the last ones, so that nobody who has read
/// them can be gone before it.
pub(super) async fn write_reply(output: &mut OwnedWriteHalf, reply: Reply) -> std::io::Result<()> {
    let mut unsent = reply.head.into_bytes();
    if !unsent.is_empty() {
        unsent.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
    }
    let mut steps = reply.steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Gate(gate) => gate.passed().await,
            // An empty chunk would end the reply.
            Step::Bytes(bytes) if bytes.is_empty() => {}
            Step::Bytes(bytes) => {
                unsent.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                unsent.extend_from_slice(&bytes);
                unsent.extend_from_slice(b"\r\n");
                if steps.peek().is_some() {
                    output.write_all(&std::mem::take(&mut unsent)).await?;
                }
            }
        }
    }
    if reply.end == End::Whole {
        unsent.extend_from_slice(b"0\r\n\r\n");
    }
    output.write_all(&unsent).await
}

/// Reads ahead until the other side goes away.
pub(super) async fn hang_up(input: &mut OwnedReadHalf, unread: &mut Vec<u8>) {
    while matches!(input.read_buf(unread).await, Ok(1..)) {}
}
