//! HTTP/1.1, as far as both sides of the stand-in need it. By hand, because no HTTP library would misbehave on demand.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The beginning of a request, read before its body.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| decoded(value))
    }
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The bearer token of a call.
pub(super) fn bearer(headers: &[(String, String)]) -> Option<&str> {
    header(headers, "authorization")?.strip_prefix("Bearer ")
}

/// Calls a server over a connection of its own, without TLS.
///
/// # Errors
/// When nobody listens there, or the connection dies before the answer's end.
pub async fn call(method: &str, url: &str, headers: &[(String, String)], body: &[u8]) -> io::Result<HttpAnswer> {
    let rest = url.strip_prefix("http://").ok_or_else(|| broken("only http:// is spoken here"))?;
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut request = format!(
        "{method} {slash}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut request = request.into_bytes();
    request.extend_from_slice(body);
    let (mut input, mut output) = stream.into_split();
    // A server may refuse a body before it has read it: whoever writes all of it first could miss the answer.
    let write = async {
        let _ = output.write_all(&request).await;
        std::future::pending::<io::Result<HttpAnswer>>().await
    };
    tokio::select! {
        answer = read_answer(&mut input) => answer,
        never = write => never,
    }
}

async fn read_answer(input: &mut (impl AsyncRead + Unpin)) -> io::Result<HttpAnswer> {
    let mut unread = Vec::new();
    let (first, headers) = read_lines(input, &mut unread).await?.ok_or_else(|| broken("no answer"))?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken("an answer without a status"))?;
    let body = read_body(input, &mut unread, &headers).await?;
    Ok(HttpAnswer { status, headers, body })
}

/// The next request's beginning; `None` when there is none.
pub(super) async fn read_head(input: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> io::Result<Option<Head>> {
    let Some((first, headers)) = read_lines(input, unread).await? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Some(Head {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
    }))
}

type Lines = (String, Vec<(String, String)>);

async fn read_lines(input: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> io::Result<Option<Lines>> {
    let end = loop {
        if let Some(place) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break place;
        }
        if input.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = unread.drain(..end + 4).collect();
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Some((first, headers)))
}

/// The body that follows a head, by its length or in chunks.
pub(super) async fn read_body(input: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
    if header(headers, "transfer-encoding").is_none_or(|encoding| !encoding.eq_ignore_ascii_case("chunked")) {
        let length = header(headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        return read_exactly(input, unread, length).await;
    }
    let mut body = Vec::new();
    loop {
        let line = read_line(input, unread).await?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
        let size = size.map_err(|_| broken("a chunk without a size"))?;
        body.extend(read_exactly(input, unread, size).await?);
        read_line(input, unread).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn read_exactly(input: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    while unread.len() < length {
        if input.read_buf(unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(unread.drain(..length).collect())
}

async fn read_line(input: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(place) = unread.windows(2).position(|window| window == b"\r\n") {
            let line: Vec<u8> = unread.drain(..place + 2).collect();
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if input.read_buf(unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// An answer, byte for byte.
pub(super) fn written(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A value for a query, nothing in it left to guess.
pub(super) fn encoded(value: &str) -> String {
    let mut query = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => query.push(char::from(byte)),
            _ => query.push_str(&format!("%{byte:02X}")),
        }
    }
    query
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = tail.get(if escaped.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}
