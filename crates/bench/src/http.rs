//! HTTP/1.1 as little as it takes to send JSON and read the answer: the load generator runs on the server's own cores, so what it
//! spends is missing there.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept open, one request at a time.
pub struct Connection {
    stream: TcpStream,
    host: String,
    /// What was received and not used yet.
    received: Vec<u8>,
}

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// Its body.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("an answer {} that is no JSON", self.status))
    }
}

impl Connection {
    /// Connects to a server, given as `http://host:port`.
    ///
    /// # Errors
    /// There is none, or the address has another form.
    pub async fn open(url: &str) -> Result<Self> {
        let host = url
            .strip_prefix("http://")
            .context("the address must begin with http://")?
            .trim_end_matches('/');
        let stream = TcpStream::connect(host).await.with_context(|| format!("cannot reach {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: host.to_owned(),
            received: Vec::new(),
        })
    }

    /// Sends a JSON text and waits for the answer.
    ///
    /// # Errors
    /// The connection broke, or the answer is nothing that Parlor says.
    pub async fn post(&mut self, path: &str, body: &str) -> Result<Answer> {
        let host = &self.host;
        let length = body.len();
        let request = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(answer) = take_answer(&mut self.received)? {
                return Ok(answer);
            }
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the server closed the connection");
        }
    }
}

/// Takes a whole answer off the front, once it is there.
fn take_answer(received: &mut Vec<u8>) -> Result<Option<Answer>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(head_length) = received.windows(END.len()).position(|window| window == END).map(|place| place + END.len()) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(received.get(..head_length).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let Some((_, length)) = length else {
        bail!("an answer {status} without content-length")
    };
    let end = head_length + length.trim().parse::<usize>()?;
    if received.len() < end {
        return Ok(None);
    }
    let body = received.drain(..end).skip(head_length).collect();
    Ok(Some(Answer { status, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_once_it_is_whole() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 8\r\nx: y\r\n\r\n{\"a\": 1}";
        let mut received = Vec::new();
        for byte in answer {
            assert!(take_answer(&mut received).unwrap().is_none());
            received.push(*byte);
        }
        received.extend_from_slice(b"HTTP/1.1");
        let taken = take_answer(&mut received).unwrap().unwrap();
        assert_eq!((taken.status, taken.json().unwrap()), (201, serde_json::json!({"a": 1})));
        assert_eq!(received, b"HTTP/1.1");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(take_answer(&mut b"hello\r\n\r\n".to_vec()).is_err());
        assert!(take_answer(&mut b"HTTP/1.1 200 OK\r\n\r\n".to_vec()).is_err());
    }
}
