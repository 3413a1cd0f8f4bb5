//! Who calls, and what they call about.

use crate::app::{TestApp, host_token, host_token_with};
use crate::multipart::upload;
use parlor_domain::agent::{ApiScope, NewAgent, Role};
use parlor_domain::article::{ArticleBody, NewArticle};
use parlor_domain::channel::{Channel, ChannelKind, IdentityRule, NewChannel};
use parlor_domain::id::{ConversationId, JobId, WorkspaceId};
use parlor_domain::job::{Job, JobKind};
use parlor_domain::security::Password;
use parlor_domain::text::{Email, Line, Name};
use parlor_domain::whatsapp::{Customer, Incoming, IncomingMessage, ReceivedItem, Secret, WhatsappSecrets, WhatsappSettings};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

pub const PASSWORD: &str = "correct horse battery";
/// An agent with a password, for whoever logs in.
pub const DOOR: &str = "door@example.com";

/// The number of the first workspace on WhatsApp. It has no access token, so nothing goes out.
pub const OURS: &str = "830000000000001";
/// What the platform says when it subscribes.
pub const VERIFY: &str = "example-verify-token";

/// The columns of the tables, in their order:
///
/// | | |
/// | --- | --- |
/// | `n` | nobody |
/// | `t` | nobody, with an owner's access token in the query, where only sockets read it |
/// | `s` | a stranger: a visitor without a conversation |
/// | `v` | the visitor itself, key as Bearer |
/// | `q` | the visitor itself, key as `visitor_id` in query and body |
/// | `o` | another visitor, with a conversation of its own |
/// | `r` | the holder of the room key, which stands in the path if the path takes one, and as Bearer everywhere |
/// | `S` `a` `A` `O` | seller, agent, admin, owner of the workspace |
/// | `h` | an agent of the workspace with a token of the host site |
/// | `f` | the owner of another workspace |
/// | `R` `W` `K` | API keys with the scopes read, write, admin |
/// | `D` | an agent that was deactivated |
/// | `L` | a login that was ended |
/// | `X` | an access token that ran out |
/// | `U` | a refresh token in place of an access token |
/// | `J` | a token that another host site signed |
/// | `H` | a customer with a token of the host site, who is another visitor |
/// | `M` `P` | customer and seller of the marketplace conversation, each with a token of the host site |
pub const CALLERS: &str = "nt svqo r SaAOh f RWK DLXUJ H MP";

/// The callers of a table, each a letter.
pub fn callers() -> impl Iterator<Item = char> {
    CALLERS.chars().filter(|letter| *letter != ' ')
}

/// What must not move from cell to cell: people without rights any more, and workspaces.
pub struct World<'a> {
    pub app: &'a TestApp,
    home: WorkspaceId,
    away: WorkspaceId,
    whatsapp: Channel,
    deactivated: String,
    expired: String,
    counter: AtomicU32,
    /// Whether agents shall have one.
    pub passwords: AtomicBool,
}

/// What calls are about. All of it belongs to one visitor of the first workspace.
pub struct Targets {
    pub visitor_key: String,
    pub visitor_id: String,
    pub room_key: String,
    pub conversation_id: String,
    pub session_id: String,
    pub chat_id: String,
    pub message_id: String,
    pub offer_id: String,
    pub text: String,
    pub agent_id: String,
    pub agent_email: String,
    pub invitation: String,
    pub refresh: String,
    pub channel_id: String,
    pub api_key_id: String,
    pub article_id: String,
    pub job_id: String,
    pub identity: String,
    pub whatsapp: String,
    pub customer_text: String,
    pub file: FileLink,
    pub number: u32,
}

/// A link to a file that was uploaded.
pub struct FileLink {
    pub id: String,
    pub exp: String,
    pub sig: String,
}

impl FileLink {
    /// Reads one.
    pub fn of(url: &str) -> Self {
        let (path, query) = url.split_once('?').unwrap();
        let (exp, sig) = query.strip_prefix("exp=").unwrap().split_once("&sig=").unwrap();
        Self {
            id: path.rsplit('/').nth(1).unwrap().to_owned(),
            exp: exp.to_owned(),
            sig: sig.to_owned(),
        }
    }
}

/// The number on WhatsApp.
async fn our_number(app: &TestApp, workspace: WorkspaceId) -> Channel {
    let settings = WhatsappSettings {
        phone_number_id: OURS.to_owned(),
        waba_id: None,
        display_phone: None,
        graph_base_url: None,
        graph_version: None,
        templates: Vec::new(),
    };
    let secrets = WhatsappSecrets {
        access_token: None,
        app_secret: Secret::parse("example-app-secret").ok(),
        verify_token: Secret::parse(VERIFY).ok(),
    };
    let new = NewChannel {
        kind: ChannelKind::Whatsapp,
        whatsapp: Some((settings, secrets)),
        ..a_web_channel()
    };
    app.state().channels.create(workspace, new).await.unwrap()
}

fn a_web_channel() -> NewChannel {
    NewChannel {
        kind: ChannelKind::Web,
        name: Name::parse("Shop").unwrap(),
        origins: Vec::new(),
        identity: IdentityRule::Optional,
        assistant: parlor_domain::assistant::AssistantSettings::default(),
        assistant_key: None,
        whatsapp: None,
    }
}

impl<'a> World<'a> {
    pub async fn new(app: &'a TestApp) -> Self {
        let home = app.state().workspaces.list().await.unwrap()[0].id;
        let away = app.state().workspaces.create(Name::parse("away").unwrap()).await.unwrap().0.id;
        let mut world = Self {
            app,
            home,
            away,
            whatsapp: our_number(app, home).await,
            deactivated: String::new(),
            expired: String::new(),
            counter: AtomicU32::new(0),
            passwords: AtomicBool::new(false),
        };
        app.agent(DOOR, Role::Agent).await;
        world.expired = world.staff(home, Role::Owner).await.0;
        app.clock.advance(Duration::from_secs(17 * 60));
        let (owner, _) = world.staff(home, Role::Owner).await;
        let (token, id) = world.staff(home, Role::Owner).await;
        app.delete(&format!("/api/admin/agents/{id}/")).bearer(&owner).send().await.expect(204);
        world.deactivated = token;
        world.new_agent(home, Role::Agent, Some("staff-1")).await;
        world
    }

    /// A number that nothing else has.
    pub fn number(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// Without a password, which takes its time, unless it must have one.
    async fn new_agent(&self, workspace: WorkspaceId, role: Role, external_id: Option<&str>) -> parlor_domain::agent::Agent {
        let number = self.number();
        let new = NewAgent {
            email: Email::parse(&format!("agent{number}@example.com")).unwrap(),
            name: Name::parse("Omar").unwrap(),
            role,
            username: None,
            external_id: external_id.map(|id| Line::parse(id).unwrap()),
            password: self.passwords.load(Ordering::Relaxed).then(|| Password::parse(PASSWORD).unwrap()),
        };
        self.app.state().agents.create(workspace, None, new).await.unwrap()
    }

    /// A new agent: `(access token, id)`.
    pub async fn staff(&self, workspace: WorkspaceId, role: Role) -> (String, String) {
        let agent = self.new_agent(workspace, role, None).await;
        let id = agent.id.to_string();
        (self.app.state().auth.begin(agent).await.unwrap().access, id)
    }

    async fn api_key(&self, scope: ApiScope) -> String {
        self.app
            .state()
            .agents
            .create_api_key(self.home, Name::parse("Orders").unwrap(), scope)
            .await
            .unwrap()
            .1
    }

    /// What a caller sends as Bearer, or for `t` and `q` in the query.
    pub async fn credential(&self, caller: char, targets: &Targets) -> Option<String> {
        Some(match caller {
            'n' => return None,
            's' => self.app.visitor().await,
            'v' | 'q' => targets.visitor_key.clone(),
            'o' => {
                let (room, visitor) = self.app.room().await;
                self.app.say(&room, "Mine").await;
                visitor
            }
            'r' => targets.room_key.clone(),
            'S' => self.staff(self.home, Role::Seller).await.0,
            'a' => self.staff(self.home, Role::Agent).await.0,
            'A' => self.staff(self.home, Role::Admin).await.0,
            'O' | 't' => self.staff(self.home, Role::Owner).await.0,
            'h' => host_token(json!({"sub": "staff-1"})),
            'f' => self.staff(self.away, Role::Owner).await.0,
            'R' => self.api_key(ApiScope::Read).await,
            'W' => self.api_key(ApiScope::Write).await,
            'K' => self.api_key(ApiScope::Admin).await,
            'D' => self.deactivated.clone(),
            'L' => {
                let (token, _) = self.staff(self.home, Role::Owner).await;
                self.app.post("/api/admin/auth/logout/").bearer(&token).send().await.expect(204);
                token
            }
            'X' => self.expired.clone(),
            'U' => {
                let agent = self.new_agent(self.home, Role::Owner, None).await;
                self.app.state().auth.begin(agent).await.unwrap().refresh
            }
            'J' => host_token_with("another host site's secret of many bytes", json!({"sub": "staff-1"})),
            'H' => host_token(json!({"sub": "customer-1"})),
            'M' => targets.customer(),
            'P' => targets.seller(),
            other => panic!("no such caller: {other}"),
        })
    }

    async fn article(&self, number: u32) -> String {
        let new = NewArticle {
            slug: None,
            title: Line::parse(&format!("Delivery {number}")).unwrap(),
            body: ArticleBody::parse("By bicycle.").unwrap(),
            published: true,
        };
        self.app.state().articles.create(self.home, new).await.unwrap().id.to_string()
    }

    /// Follow-up work that gave up, of a conversation that is gone.
    async fn dead_job(&self) -> String {
        let state = self.app.state();
        let now = state.clock.now();
        let job = Job {
            id: JobId(state.ids.ordered()),
            workspace_id: self.home,
            conversation_id: ConversationId(state.ids.ordered()),
            kind: JobKind::AssistantAnswer,
            payload: None,
            attempts: 8,
            run_at: now,
            claim: None,
            last_error: None,
            dead_at: Some(now),
            created_at: now,
        };
        let work = state.store.begin().await.unwrap();
        work.jobs().insert(&job).await.unwrap();
        work.commit().await.unwrap();
        job.id.to_string()
    }

    /// Things that nobody has touched.
    pub async fn targets(&self) -> Targets {
        let app = self.app;
        let number = self.number();
        let text = format!("Is number {number} still available?");
        let visitor_key = app.visitor().await;
        let session = app
            .post("/api/chats/sessions/")
            .json(json!({"visitor_id": visitor_key}))
            .send()
            .await
            .expect(201);
        let field = |name: &str| session["data"][name].as_str().unwrap().to_owned();
        let (session_id, room_key) = (field("id"), field("conversation_id"));
        let message = app.say(&room_key, &text).await;
        let visitor_id = message["sender"]["id"].as_str().unwrap().to_owned();
        let offer = json!({"message": "My offer", "type": "offer", "payload": {"offerPrice": 100}});
        let path = format!("/api/public/chat-rooms/{room_key}/send_message/");
        let offer = app.post(&path).json(offer).send().await.expect(201);
        let chat_id = format!("stored-chat-number-{number}");
        let stored = json!({"visitor_id": visitor_key, "chat_id": chat_id});
        app.post("/api/users/data/").json(stored).send().await.expect(201);
        let agent = self.new_agent(self.home, Role::Agent, None).await;
        let (agent_id, agent_email) = (agent.id.to_string(), agent.email.as_str().to_owned());
        let invitation = app.state().auth.invite(&agent).await.unwrap();
        let channel = app.state().channels.create(self.home, a_web_channel()).await.unwrap();
        let customer_text = format!("Do you have {number} of them?");
        let file = upload(app, &room_key, &room_key, "note.txt", b"Three chairs, blue.\n").await.expect(201);
        let (api_key, _) = app
            .state()
            .agents
            .create_api_key(self.home, Name::parse("Orders").unwrap(), ApiScope::Read)
            .await
            .unwrap();
        let targets = Targets {
            conversation_id: app.conversation_id(&room_key).await,
            visitor_key,
            visitor_id,
            room_key,
            session_id,
            chat_id,
            message_id: message["id"].as_str().unwrap().to_owned(),
            offer_id: offer["id"].as_str().unwrap().to_owned(),
            text,
            agent_id,
            agent_email,
            invitation,
            refresh: app.state().auth.begin(agent).await.unwrap().refresh,
            channel_id: channel.id.to_string(),
            api_key_id: api_key.id.to_string(),
            article_id: self.article(number).await,
            job_id: self.dead_job().await,
            identity: host_token(json!({"sub": format!("customer-{number}-{}", channel.id)})),
            whatsapp: self.on_whatsapp(number, &customer_text).await,
            customer_text,
            file: FileLink::of(file["url"].as_str().unwrap()),
            number,
        };
        self.list(&targets).await;
        targets
    }

    /// The number of a conversation whose customer just wrote on WhatsApp.
    async fn on_whatsapp(&self, number: u32, text: &str) -> String {
        let state = self.app.state();
        let message = IncomingMessage {
            from: Customer {
                phone_id: Some(theirs(number)),
                ..Customer::default()
            },
            id: format!("wamid.EXAMPLE{number}"),
            sent_at: Some(state.clock.now()),
            content: Incoming::Text(text.to_owned()),
            reply_to: None,
            metadata: serde_json::Map::new(),
        };
        state.whatsapp.receive(&self.whatsapp, vec![ReceivedItem::Message(message)]).await.unwrap();
        let conversation = state.whatsapp.opened(self.home, OURS, &theirs(number)).await.unwrap().unwrap();
        conversation.whatsapp.unwrap().number.to_string()
    }

    /// The marketplace conversation, with an offer of its customer. Its seller was here before.
    async fn list(&self, targets: &Targets) {
        let call = |method, body: Value| self.app.call(method, "/api/conversations").bearer(&targets.customer()).json(body).send();
        self.app.get("/api/conversations").bearer(&targets.seller()).send().await.expect(200);
        let (listing, seller) = (targets.fill("{listing}", 'M'), targets.fill("{seller}", 'M'));
        call(reqwest::Method::POST, json!({"id": listing, "sellerId": seller})).await.expect(201);
        let offer = json!({"id": 1001, "type": "offer", "payload": {"offerPrice": 100}});
        call(reqwest::Method::PUT, json!({"conversationId": listing, "message": offer}))
            .await
            .expect(201);
    }
}

/// A customer's phone number.
fn theirs(number: u32) -> String {
    format!("4917{number:08}")
}

impl Targets {
    fn customer(&self) -> String {
        host_token(json!({"sub": format!("buyer-{}", self.number), "email": self.fill("{customer}", 'M')}))
    }

    fn seller(&self) -> String {
        host_token(json!({"sub": format!("seller-{}", self.number), "role": "seller", "email": self.fill("{seller}", 'P')}))
    }

    /// Writes what a caller can know into a path, a query or a body. The visitor itself knows its keys, the holder of a room key
    /// that one; everybody else can only have met the internal ids.
    pub fn fill(&self, text: &str, caller: char) -> String {
        let (customer, seller) = (format!("buyer{}@example.com", self.number), format!("seller{}@example.com", self.number));
        let listing = format!("conv-{}", self.number);
        let offer = format!("{}/action", self.offer_id);
        let itself = matches!(caller, 'v' | 'q');
        let visitor = if itself { &self.visitor_key } else { &self.visitor_id };
        let room = if itself || caller == 'r' { &self.room_key } else { &self.conversation_id };
        [
            ("{visitor}", visitor.as_str()),
            ("{room}", room),
            ("{conversation}", &self.conversation_id),
            ("{person}", &self.visitor_id),
            ("{session}", &self.session_id),
            // The widget's own id of its stored chat, which others may have met.
            ("{chat_id}", &self.chat_id),
            ("{session_id}", &self.session_id),
            // Only offers are decided about.
            ("{message_id}/action", &offer),
            ("{message_id}", &self.message_id),
            ("{agent}", &self.agent_id),
            ("{email}", &self.agent_email),
            ("{invitation}", &self.invitation),
            ("{refresh}", &self.refresh),
            ("{channel}", &self.channel_id),
            ("{key}", &self.api_key_id),
            ("{article}", &self.article_id),
            ("{job}", &self.job_id),
            ("{identity}", &self.identity),
            ("{listing}", &listing),
            ("{customer}", &customer),
            ("{seller}", &seller),
            ("{whatsapp}", &self.whatsapp),
            ("{ours}", OURS),
            ("{theirs}", &theirs(self.number)),
            ("{verify}", VERIFY),
            ("{file}", &self.file.id),
            ("{name}", "note.txt"),
            ("{exp}", &self.file.exp),
            ("{sig}", &self.file.sig),
            ("{door}", DOOR),
            ("{password}", PASSWORD),
            ("{n}", &self.number.to_string()),
            ("{audience}", "widget.json"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The same with ids of nothing.
    pub fn fill_unknown(text: &str, id: &str) -> String {
        [
            "{visitor}",
            "{room}",
            "{conversation}",
            "{person}",
            "{message_id}",
            "{agent}",
            "{channel}",
            "{key}",
            "{article}",
            "{job}",
            "{file}",
        ]
        .iter()
        .fold(text.to_owned(), |text, name| text.replace(name, id))
    }

    /// What nobody else may learn.
    pub fn secrets(&self) -> [&str; 8] {
        [
            &self.visitor_key,
            &self.visitor_id,
            &self.room_key,
            &self.conversation_id,
            &self.message_id,
            &self.text,
            &self.customer_text,
            &self.agent_email,
        ]
    }
}

/// The document's path with names for its `{id}`.
pub fn named(path: &str) -> String {
    let name = match path.split('/').nth(3).unwrap_or_default() {
        _ if path.starts_with("/api/public/") => "{room}",
        _ if path.starts_with("/api/attachments/") => "{file}",
        "visitors" if path.starts_with("/api/chats/") => "{visitor}",
        "sessions" => "{session}",
        "chat-rooms" => "{conversation}",
        "visitors" => "{person}",
        "agents" => "{agent}",
        "channels" => "{channel}",
        "api-keys" => "{key}",
        "articles" => "{article}",
        "jobs" => "{job}",
        _ => "{id}",
    };
    path.replace("{id}", name)
}

/// An operation of the published document.
#[derive(Clone)]
pub struct Operation {
    pub id: String,
    pub method: reqwest::Method,
    pub path: String,
    pub item: Value,
}

impl Operation {
    /// Whether its body is a form with a file.
    pub fn takes_form(&self) -> bool {
        self.item["requestBody"]["content"].get("multipart/form-data").is_some()
    }
}

/// All operations of the published document.
pub fn operations() -> Vec<Operation> {
    let document = document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            all.push(Operation {
                id: id.to_owned(),
                method,
                path: named(path),
                item: operation.clone(),
            });
        }
    }
    all
}

/// The published document.
pub fn document() -> Value {
    serde_json::to_value(parlor_api::app::openapi_document()).unwrap()
}
