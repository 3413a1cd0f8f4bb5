//! Clients that go on through crashes: what has no answer is sent again under its client id.

use crate::socket::{Gone, Socket};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Before an unanswered message is sent again.
const PAUSE: Duration = Duration::from_millis(10);

/// A conversation, by the names that its two sides have for it.
#[derive(Debug, Clone)]
pub struct Room {
    pub key: String,
    pub id: String,
}

/// A message that the server said is stored.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub room: usize,
    pub client_id: String,
    pub private: bool,
    pub id: String,
    pub seq: i64,
    /// When the try began that was answered.
    pub asked: Instant,
    pub answered: Instant,
}

/// What the senders share with the test.
pub struct Shared {
    pub url: String,
    pub rooms: Vec<Room>,
    pub token: String,
    pub http: reqwest::Client,
    pub count: AtomicUsize,
    stopping: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
}

/// Through which door, and as who.
#[derive(Debug, Clone, Copy)]
enum Door {
    RoomCall,
    AgentCall { private: bool },
    RoomSocket,
    AgentSocket { private: bool },
}

/// Half of them call, half have sockets; on both sides customers, agents, and agents' notes.
const DOORS: [Door; 8] = [
    Door::RoomCall,
    Door::RoomSocket,
    Door::AgentCall { private: false },
    Door::AgentSocket { private: false },
    Door::RoomCall,
    Door::RoomSocket,
    Door::AgentCall { private: true },
    Door::AgentSocket { private: true },
];

impl Shared {
    pub fn new(url: &str, rooms: Vec<Room>, token: String) -> Arc<Self> {
        let http = reqwest::Client::builder().timeout(crate::process::PATIENCE).build().unwrap();
        let (count, stopping, acknowledged) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(Vec::new()));
        Arc::new(Self {
            url: url.to_owned(),
            rooms,
            token,
            http,
            count,
            stopping,
            acknowledged,
        })
    }

    /// Starts so many senders. A sender that gets a refusal panics.
    pub fn start(self: &Arc<Self>, senders: usize) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for number in 0..senders {
            // Each room has each kind of sender.
            let (door, room) = (DOORS[number % DOORS.len()], number / DOORS.len() % self.rooms.len());
            tasks.spawn(
                Sender {
                    number,
                    room,
                    door,
                    shared: self.clone(),
                    socket: None,
                }
                .run(),
            );
        }
        tasks
    }

    /// Waits for more acknowledgements.
    pub async fn reach(&self, count: usize) {
        while self.count.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets every sender get the answer to its last message, and gives all acknowledgements in the order they came.
    pub async fn stop(&self, senders: JoinSet<()>) -> Vec<Acknowledged> {
        self.stopping.store(true, Ordering::Relaxed);
        senders.join_all().await;
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }

    /// How long after a moment the first try that began later was answered.
    pub async fn first_answer_after(&self, moment: Instant) -> Duration {
        loop {
            let first = self
                .acknowledged
                .lock()
                .unwrap()
                .iter()
                .rev()
                .take_while(|one| one.answered > moment)
                .filter(|one| one.asked >= moment)
                .last()
                .cloned();
            match first {
                Some(first) => return first.answered - moment,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }
}

struct Sender {
    number: usize,
    room: usize,
    door: Door,
    shared: Arc<Shared>,
    socket: Option<Socket>,
}

impl Sender {
    async fn run(mut self) {
        let mut first: Option<Acknowledged> = None;
        for message in 0.. {
            let acknowledged = self.send(&format!("s{}-{message}", self.number)).await;
            self.shared.acknowledged.lock().unwrap().push(acknowledged.clone());
            self.shared.count.fetch_add(1, Ordering::Relaxed);
            first.get_or_insert(acknowledged);
            if self.shared.stopping.load(Ordering::Relaxed) {
                break;
            }
        }
        // Client ids are for ever: also behind all crashes the first message is known.
        let first = first.unwrap();
        let again = self.send(&first.client_id).await;
        assert_eq!((again.id, again.seq), (first.id, first.seq), "{}", first.client_id);
    }

    async fn send(&mut self, client_id: &str) -> Acknowledged {
        loop {
            let asked = Instant::now();
            if let Some((id, seq)) = self.try_once(client_id).await {
                let private = matches!(self.door, Door::AgentCall { private: true } | Door::AgentSocket { private: true });
                return Acknowledged {
                    room: self.room,
                    client_id: client_id.to_owned(),
                    private,
                    id,
                    seq,
                    asked,
                    answered: Instant::now(),
                };
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One try: id and place of the stored message, or nothing when it is not known what became of it.
    async fn try_once(&mut self, client_id: &str) -> Option<(String, i64)> {
        let text = format!("{client_id} says this");
        let room = &self.shared.rooms[self.room];
        match self.door {
            Door::RoomCall => {
                let path = format!("/api/public/chat-rooms/{}/send_message/", room.key);
                self.call(&path, json!({"message": text, "client_id": client_id})).await
            }
            Door::AgentCall { private } => {
                let path = format!("/api/admin/chat-rooms/{}/send_message/", room.id);
                self.call(&path, json!({"message": text, "client_id": client_id, "private": private})).await
            }
            Door::RoomSocket => {
                let (path, id) = (format!("/ws/chat/{}/", room.key), room.key.clone());
                self.ask(
                    &path,
                    json!({"conversation_id": id, "message": {"client_id": client_id, "type": "text", "text": text}}),
                )
                .await
            }
            Door::AgentSocket { private } => {
                let (path, id) = (format!("/ws/admin/chat/?token={}", self.shared.token), room.id.clone());
                self.ask(
                    &path,
                    json!({"conversation_id": id, "message": {"client_id": client_id, "type": "text", "text": text, "private": private}}),
                )
                .await
            }
        }
    }

    async fn call(&self, path: &str, body: Value) -> Option<(String, i64)> {
        let mut request = self.shared.http.post(format!("{}{path}", self.shared.url)).json(&body);
        if matches!(self.door, Door::AgentCall { .. }) {
            request = request.bearer_auth(&self.shared.token);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        if status.is_server_error() {
            return None;
        }
        assert!(status.is_success(), "{status}: {body}");
        Some((text_of(&body["id"]), body["seq"].as_i64().unwrap()))
    }

    async fn ask(&mut self, path: &str, data: Value) -> Option<(String, i64)> {
        let reply = self.over_socket(path, data).await;
        let Ok(reply) = reply else {
            self.socket = None;
            return None;
        };
        if reply["ok"] == false && reply["error"]["retryable"] == true {
            return None;
        }
        assert_eq!(reply["ok"], true, "{reply}");
        Some((text_of(&reply["data"]["message_id"]), reply["data"]["seq"].as_i64().unwrap()))
    }

    async fn over_socket(&mut self, path: &str, data: Value) -> Result<Value, Gone> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            None => self.socket.insert(Socket::connect(&self.shared.url, path).await?),
        };
        socket.ask("conversation:message", data).await
    }
}

pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
