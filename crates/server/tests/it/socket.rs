//! A client of the sockets, in the users' words.

use crate::app::TestApp;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What comes from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Got {
    Frame(Value),
    Ping,
    Close(u16),
    /// The connection ended without a close frame.
    Gone,
}

/// An open socket.
pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Came while something else was waited for.
    kept: VecDeque<Value>,
    next_id: u64,
}

/// Opens a socket with some headers.
pub async fn open_with(app: &TestApp, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    open_url(&app.socket_url(path), headers).await
}

async fn open_url(url: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let (stream, _) = connect_async(request).await?;
    Ok(Socket {
        stream,
        kept: VecDeque::new(),
        next_id: 0,
    })
}

/// Opens a socket.
pub async fn open(app: &TestApp, path: &str) -> Socket {
    open_with(app, path, &[]).await.unwrap()
}

/// The HTTP answer of an upgrade that failed: status and body.
pub async fn refused(app: &TestApp, path: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
    match open_with(app, path, headers).await {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (response.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default())
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the socket was opened"),
    }
}

/// Logs in by the first frame, and gives the reply's data.
pub async fn hello(app: &TestApp, token: &str) -> (Socket, Value) {
    resume(app, token, json!([])).await
}

/// Logs in by the first frame and resumes.
pub async fn resume(app: &TestApp, token: &str, resume: Value) -> (Socket, Value) {
    open(app, "/ws").await.log_in(token, resume).await
}

/// Logs in to the server at this address, another node perhaps.
pub async fn hello_at(url: &str, token: &str) -> (Socket, Value) {
    let socket = open_url(&format!("{}/ws", url.replacen("http", "ws", 1)), &[]).await.unwrap();
    socket.log_in(token, json!([])).await
}

impl Socket {
    async fn log_in(mut self, token: &str, resume: Value) -> (Self, Value) {
        let reply = self.ask("session:hello", json!({"protocol": 1, "token": token, "resume": resume})).await;
        assert_eq!(reply["ok"], true, "{reply}");
        (self, reply["data"].clone())
    }

    pub async fn send_raw(&mut self, message: Message) {
        // Whoever closes meanwhile is seen by what is read next.
        let _ = self.stream.send(message).await;
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// The next thing from the server.
    pub async fn receive(&mut self) -> Got {
        if let Some(kept) = self.kept.pop_front() {
            return Got::Frame(kept);
        }
        self.receive_new().await
    }

    async fn receive_new(&mut self) -> Got {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("something comes in time");
            return match message {
                Some(Ok(Message::Text(text))) => Got::Frame(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_))) => Got::Ping,
                Some(Ok(Message::Close(Some(frame)))) => Got::Close(frame.code.into()),
                Some(Ok(Message::Close(None))) | Some(Err(_)) | None => Got::Gone,
                Some(Ok(_)) => continue,
            };
        }
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Value {
        loop {
            match self.receive().await {
                Got::Frame(frame) => return frame,
                Got::Ping => {}
                other => panic!("a frame was expected, not {other:?}"),
            }
        }
    }

    /// Sends a command and waits for its reply. What else comes is kept.
    pub async fn ask(&mut self, event: &str, data: Value) -> Value {
        self.next_id += 1;
        let id = format!("c{}", self.next_id);
        self.send(json!({"id": id, "event": event, "data": data})).await;
        self.reply(&id).await
    }

    /// Waits for a reply. What else comes is kept.
    pub async fn reply(&mut self, id: &str) -> Value {
        if let Some(at) = self.kept.iter().position(|frame| frame["reply_to"] == id) {
            return self.kept.remove(at).unwrap();
        }
        loop {
            match self.receive_new().await {
                Got::Frame(frame) if frame["reply_to"] == id => return frame,
                Got::Frame(frame) => self.kept.push_back(frame),
                Got::Ping => {}
                other => panic!("a reply to {id} was expected, not {other:?}"),
            }
        }
    }

    /// Sends a command that must succeed, and gives the reply's data.
    pub async fn done(&mut self, event: &str, data: Value) -> Value {
        let reply = self.ask(event, data).await;
        assert_eq!(reply["ok"], true, "{reply}");
        reply["data"].clone()
    }

    /// Sends a command that must be refused, and gives the code.
    pub async fn denied(&mut self, event: &str, data: Value) -> String {
        let reply = self.ask(event, data).await;
        assert_eq!(reply["ok"], false, "{reply}");
        reply["error"]["code"].as_str().unwrap().to_owned()
    }

    /// The next event of this name; other frames are thrown away.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["event"] == name {
                return frame;
            }
        }
    }

    /// The next change of a conversation.
    pub async fn change(&mut self) -> Value {
        loop {
            let frame = self.frame().await;
            if frame.get("rev").is_some() {
                return frame;
            }
        }
    }

    /// Everything up to the answer to a ping: nothing of it is still under way.
    pub async fn so_far(&mut self) -> Vec<Value> {
        self.send(json!({"event": "ping"})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame["event"] == "pong" {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// The close code; what comes before is thrown away.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Got::Close(code) => return code,
                Got::Gone => panic!("the socket ended without a close frame"),
                Got::Frame(_) | Got::Ping => {}
            }
        }
    }

    pub async fn say(&mut self, conversation: &str, client_id: &str, text: &str) -> Value {
        self.done(
            "conversation:message",
            json!({"conversation_id": conversation, "message": {"client_id": client_id, "type": "text", "text": text}}),
        )
        .await
    }
}
