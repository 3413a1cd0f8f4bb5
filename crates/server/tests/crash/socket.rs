//! A client's end of a socket.

use crate::process::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    commands: u64,
}

/// The connection is gone.
#[derive(Debug)]
pub struct Gone;

impl From<Error> for Gone {
    fn from(_: Error) -> Self {
        Self
    }
}

impl Socket {
    /// Connects to a path of the server at `url`.
    pub async fn connect(url: &str, path: &str) -> Result<Self, Gone> {
        let (stream, _) = connect_async_with_config(format!("{}{path}", url.replacen("http", "ws", 1)), None, true).await?;
        Ok(Self { stream, commands: 0 })
    }

    /// Sends a command and gives its reply; events meanwhile are dropped.
    pub async fn ask(&mut self, event: &str, data: Value) -> Result<Value, Gone> {
        self.commands += 1;
        let id = self.commands.to_string();
        let command = json!({"id": id, "event": event, "data": data}).to_string();
        self.stream.send(Message::text(command)).await?;
        let mark = format!("\"reply_to\":\"{id}\"");
        loop {
            let text = self.next_text().await?;
            // Events are many; only what may be the reply is read.
            if text.contains(&mark) {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["reply_to"] == id {
                    return Ok(frame);
                }
            }
        }
    }

    /// The next frame.
    pub async fn next_text(&mut self) -> Result<String, Gone> {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("the server says something in time") {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads to the end: the names of the last events, and how it was closed.
    pub async fn until_closed(mut self) -> (Vec<Value>, Option<CloseFrame>) {
        let mut frames = Vec::new();
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("the server closes in time") {
                Some(Ok(Message::Text(text))) => frames.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return (frames, frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (frames, None),
            }
        }
    }
}
