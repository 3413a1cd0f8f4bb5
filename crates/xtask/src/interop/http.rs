//! As much of an HTTP client as it takes to set a server up: one request, one connection, one JSON answer.

use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("the answer is not JSON: {}", self.body))
    }
}

pub fn get(address: &str, path: &str, token: Option<&str>) -> Result<Answer> {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    exchange(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{authorization}\r\n"))
}

pub fn post(address: &str, path: &str, body: &Value) -> Result<Answer> {
    let body = body.to_string();
    let length = body.len();
    exchange(
        address,
        &format!("POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"),
    )
}

/// HTTP 1.0, where an answer ends with its connection.
fn exchange(address: &str, request: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).with_context(|| format!("this is no HTTP answer: {answer}"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        let answer = parse("HTTP/1.0 201 Created\r\nContent-Type: application/json\r\n\r\n{\"id\":1}").unwrap();
        assert_eq!(answer.status, 201);
        assert_eq!(answer.json().unwrap(), serde_json::json!({ "id": 1 }));
        assert!(parse("SSH-2.0").is_none());
    }
}
