//! Customers on WhatsApp: what they write, and what goes out to them, over a platform that does what it is told.

mod customers;
mod media;
mod notices;
mod sending;

use super::support::*;
use parlor_domain::attachment::AttachmentService;
use parlor_domain::channel::{Channel, ChannelKind, IdentityRule, NewChannel};
use parlor_domain::clock::Clock;
use parlor_domain::conversation::{Conversation, SendMessage, Sent};
use parlor_domain::id::ConversationId;
use parlor_domain::job::{Claim, Job, JobKind};
use parlor_domain::message::{Message, MessageStatus};
use parlor_domain::store::Store;
use parlor_domain::text::{MessageText, Name};
use parlor_domain::whatsapp::{
    Customer, Incoming, IncomingMessage, Numbers, ReceivedItem, Secret, Settled, StatusNotice, StatusWord, Template, WhatsappDefaults, WhatsappSecrets,
    WhatsappService, WhatsappSettings,
};
use parlor_testkit::{FakeContentTypes, MemoryFiles, ScriptedWhatsapp};
use std::sync::Arc;
use std::time::Duration;

const NUMBER: &str = "830000000000001";
const PHONE: &str = "491700000001";
const USER: &str = "DE.8812345678901234";

struct Rig {
    world: World,
    node: Node,
    channel: Channel,
    platform: Arc<ScriptedWhatsapp>,
    files: MemoryFiles,
    whatsapp: WhatsappService,
}

fn secret(text: &str) -> Option<Secret> {
    Secret::parse(text).ok()
}

impl Rig {
    async fn new() -> Self {
        Self::with_token(secret("token")).await
    }

    async fn with_token(access_token: Option<Secret>) -> Self {
        let world = World::new().await;
        let node = world.node();
        let settings = WhatsappSettings {
            phone_number_id: NUMBER.to_owned(),
            waba_id: None,
            display_phone: None,
            graph_base_url: None,
            graph_version: None,
            templates: vec![Template {
                name: "order_ready".to_owned(),
                language: "de".to_owned(),
                text: "Bestellung {{1}} ist fertig.".to_owned(),
            }],
        };
        let secrets = WhatsappSecrets {
            access_token,
            app_secret: secret("app-secret"),
            verify_token: secret("verify-me"),
        };
        let new = NewChannel {
            kind: ChannelKind::Whatsapp,
            name: Name::parse("WhatsApp").unwrap(),
            origins: Vec::new(),
            identity: IdentityRule::Optional,
            assistant: parlor_domain::assistant::AssistantSettings {
                enabled: false,
                ..Default::default()
            },
            assistant_key: None,
            whatsapp: Some((settings, secrets)),
        };
        let channel = node.channels.create(world.fixture.workspace.id, new).await.unwrap();
        let (platform, files) = (Arc::new(ScriptedWhatsapp::new()), MemoryFiles::new());
        let whatsapp = service(&world, &node, &platform, &files);
        Self {
            world,
            node,
            channel,
            platform,
            files,
            whatsapp,
        }
    }

    async fn receive(&self, items: Vec<ReceivedItem>) {
        self.whatsapp.receive(&self.channel, items).await.unwrap();
    }

    async fn comes(&self, id: &str, content: Incoming) {
        self.receive(vec![self.message(id, content)]).await;
    }

    async fn says(&self, id: &str, words: &str) {
        self.comes(id, Incoming::Text(words.to_owned())).await;
    }

    fn message(&self, id: &str, content: Incoming) -> ReceivedItem {
        self.message_of(nadia(), id, content)
    }

    fn message_of(&self, from: Customer, id: &str, content: Incoming) -> ReceivedItem {
        ReceivedItem::Message(IncomingMessage {
            from,
            id: id.to_owned(),
            sent_at: Some(self.world.clock.now()),
            content,
            reply_to: None,
            metadata: serde_json::Map::new(),
        })
    }

    /// The only conversation on WhatsApp.
    async fn conversation(&self) -> Conversation {
        let mut all = self.conversations().await;
        assert_eq!(all.len(), 1);
        all.pop().unwrap()
    }

    async fn conversations(&self) -> Vec<Conversation> {
        let read = self.world.store.read().await.unwrap();
        read.conversations()
            .list_on_whatsapp(self.world.fixture.workspace.id, Some(NUMBER), 0, 100)
            .await
            .unwrap()
    }

    async fn messages(&self) -> Vec<Message> {
        self.world.messages(self.conversation().await.id).await
    }

    async fn answer(&self, words: &str) -> Sent {
        let message = SendMessage::text(MessageText::parse(words).unwrap());
        self.send(message).await
    }

    async fn send(&self, message: SendMessage) -> Sent {
        let conversation = self.conversation().await;
        self.node
            .conversations
            .send_message(self.world.agent(), conversation.id, message)
            .await
            .unwrap()
    }

    /// Does what is due, as a worker would, and answers how each piece ended.
    async fn work(&self) -> Vec<(JobKind, Settled)> {
        let mut ended = Vec::new();
        loop {
            let (now, claim) = (self.world.clock.now(), self.claim());
            let work = self.world.store.begin().await.unwrap();
            let due = work.jobs().claim_due(now, claim, 10).await.unwrap();
            work.commit().await.unwrap();
            if due.is_empty() {
                return ended;
            }
            for job in due {
                ended.push((job.kind, self.do_job(&job).await));
            }
        }
    }

    fn claim(&self) -> Claim {
        Claim {
            by: self.node.writer.node(),
            until: self.world.clock.now().plus(Duration::from_secs(15)),
        }
    }

    async fn do_job(&self, job: &Job) -> Settled {
        let settled = match job.kind {
            JobKind::WhatsappSend => self.whatsapp.send(job).await,
            JobKind::WhatsappMedia => self.whatsapp.fetch(job).await,
            JobKind::WhatsappRead => self.whatsapp.show_read(job).await,
            JobKind::WhatsappReaction => self.whatsapp.react(job).await,
            JobKind::AssistantAnswer | JobKind::OfferExpiry => panic!("nobody makes these here"),
        }
        .unwrap();
        let (now, work) = (self.world.clock.now(), self.world.store.begin().await.unwrap());
        match &settled {
            Settled::Done => {}
            Settled::Later(after, why) => work.jobs().give_back(job.id, self.claim().by, now.plus(*after), why, None).await.unwrap(),
            Settled::Dead(why) => work.jobs().give_back(job.id, self.claim().by, now, why, Some(now)).await.unwrap(),
            Settled::Rest(after) => {
                let claim = Claim {
                    until: now.plus(*after),
                    ..self.claim()
                };
                assert!(work.jobs().renew(job.id, claim).await.unwrap());
            }
        }
        work.commit().await.unwrap();
        settled
    }

    /// What became of the message that stands last.
    async fn last(&self) -> Message {
        self.messages().await.pop().unwrap()
    }

    async fn status(&self) -> MessageStatus {
        self.last().await.status
    }

    async fn is_told(&self, id: &str, status: StatusWord) {
        self.receive(vec![self.notice(id, status)]).await;
    }

    fn notice(&self, id: &str, status: StatusWord) -> ReceivedItem {
        ReceivedItem::Status(StatusNotice {
            id: id.to_owned(),
            status,
            at: Some(self.world.clock.now()),
            error: None,
            callback_data: None,
        })
    }

    async fn row(&self, id: ConversationId) -> Conversation {
        self.world.row(id).await
    }
}

fn service(world: &World, node: &Node, platform: &Arc<ScriptedWhatsapp>, files: &MemoryFiles) -> WhatsappService {
    let store: Arc<dyn Store> = Arc::new(world.store.clone());
    let attachments = AttachmentService::new(
        store.clone(),
        Arc::new(files.clone()),
        Arc::new(FakeContentTypes),
        world.clock.clone(),
        Arc::new(SharedIds),
    );
    WhatsappService::new(
        store,
        node.writer.clone(),
        node.channels.clone(),
        Numbers::new(node.channels.clone(), WhatsappDefaults::default()),
        Arc::new(attachments),
        platform.clone(),
        world.clock.clone(),
        Arc::new(SharedIds),
    )
}

fn nadia() -> Customer {
    Customer {
        phone_id: Some(PHONE.to_owned()),
        user_id: Some(USER.to_owned()),
        username: None,
        name: Some("Nadia P.".to_owned()),
    }
}
