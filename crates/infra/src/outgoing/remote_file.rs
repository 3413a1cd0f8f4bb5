//! Files that callers name by their address.

use super::{GuardedClient, Trust};
use async_trait::async_trait;
use futures_util::StreamExt;
use parlor_domain::attachment::{FileError, FileName, RemoteFile, RemoteFileError, RemoteFiles};
use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Method, Url};
use std::sync::Arc;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);

/// Fetches files through the guarded client.
pub struct GuardedRemoteFiles {
    client: Arc<GuardedClient>,
}

impl GuardedRemoteFiles {
    /// Makes the adapter.
    #[must_use]
    pub const fn new(client: Arc<GuardedClient>) -> Self {
        Self { client }
    }
}

#[async_trait]
impl RemoteFiles for GuardedRemoteFiles {
    async fn fetch(&self, url: &str) -> Result<RemoteFile, RemoteFileError> {
        let url = Url::parse(url.trim()).map_err(|_| RemoteFileError::Address)?;
        let is_web = matches!(url.scheme(), "http" | "https");
        if !is_web || !url.username().is_empty() || url.password().is_some() {
            return Err(RemoteFileError::Address);
        }
        let name = name_of(&url);
        // A private address is told like a silent server: what is behind us is nobody's to find out.
        let request = self.client.request(Method::GET, url, Trust::Settings, CONNECT);
        let request = request.map_err(|_| RemoteFileError::Unreached)?;
        let sent = request.timeout(WHOLE).header(ACCEPT_ENCODING, "identity").send().await;
        // The words of an error stay here: they have the address in them.
        let response = sent.map_err(|_| RemoteFileError::Unreached)?;
        if response.status().as_u16() != 200 {
            return Err(RemoteFileError::Status(response.status().as_u16()));
        }
        let size = response.content_length();
        let chunks = response
            .bytes_stream()
            .map(|chunk| chunk.map_err(|_| FileError("the file broke off while it was fetched".to_owned())));
        Ok(RemoteFile {
            name,
            size,
            chunks: chunks.boxed(),
        })
    }
}

/// The last part of the path.
fn name_of(url: &Url) -> FileName {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    FileName::label(&decoded(last))
}

/// Without percent signs for bytes; what is no byte stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, left @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        match (first, left) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = left;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn files(exceptions: &[&str]) -> GuardedRemoteFiles {
        let exceptions: Vec<String> = exceptions.iter().map(|entry| (*entry).to_owned()).collect();
        GuardedRemoteFiles::new(Arc::new(GuardedClient::new(&exceptions).unwrap()))
    }

    /// A server that answers one request so; its port.
    async fn answering(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        });
        port
    }

    #[tokio::test]
    async fn a_file_comes_with_the_name_of_its_address() {
        let port = answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
        let url = format!("http://127.0.0.1:{port}/a/size%20chart%2f..%2fx.txt?b=c.png");
        let mut file = files(&["127.0.0.1"]).fetch(&url).await.unwrap();
        assert_eq!((file.name.as_str(), file.size), ("x.txt", Some(5)));
        let mut whole = Vec::new();
        while let Some(chunk) = file.chunks.next().await {
            whole.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(whole, b"hello");
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_ends_with_an_error() {
        let port = answering("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello").await;
        let file = files(&["127.0.0.1"]).fetch(&format!("http://127.0.0.1:{port}/")).await.unwrap();
        assert_eq!(file.name.as_str(), "file");
        let chunks: Vec<_> = file.chunks.collect().await;
        assert!(chunks.last().is_some_and(Result::is_err));
    }

    #[tokio::test]
    async fn redirects_and_other_answers_are_no_file() {
        for (answer, status) in [
            ("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", 302),
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 404),
        ] {
            let port = answering(answer).await;
            let refused = files(&["127.0.0.1"]).fetch(&format!("http://127.0.0.1:{port}/")).await.err();
            assert_eq!(refused, Some(RemoteFileError::Status(status)));
        }
    }

    #[tokio::test]
    async fn a_private_address_is_told_like_a_silent_server() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap().port();
        for url in [
            format!("http://127.0.0.1:{open}/"),
            format!("http://localhost:{open}/"),
            "http://169.254.169.254/latest/meta-data".to_owned(),
        ] {
            assert_eq!(files(&[]).fetch(&url).await.err(), Some(RemoteFileError::Unreached), "{url}");
        }
        for url in ["ftp://example.com/a", "a.png", "http://user:secret@example.com/a", ""] {
            assert_eq!(files(&[]).fetch(url).await.err(), Some(RemoteFileError::Address), "{url}");
        }
    }
}
