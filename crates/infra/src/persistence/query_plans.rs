//! The queries that people wait for use their indexes, also when the data is skewed: one long conversation among many
//! short ones, most of them resolved.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::agent;
use super::article::{counts, likeliest};
use super::contact::{by_phone_id, by_user_id};
use super::conversation::{called, list, list_of_party, list_of_visitor, numbered, on_whatsapp, sold_by};
use super::conversation_store::{by_keys, with_content};
use super::delivery::{self, inbound, known, told};
use super::history::{Edge, NoteEdge, notes, public};
use super::job::{dead, look};
use super::message::{newest_of, newest_said, since};
use super::{SeaOrmStore, attachment, migrate, open_sqlite};
use crate::testing::TestPostgres;
use parlor_domain::agent::{Agent, Role};
use parlor_domain::article::passages_of;
use parlor_domain::attachment::{AttachedFile, Attachment, FileName};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{
    AssigneeFilter, Audience, Conversation, ConversationFilter, ConversationKind, ConversationStore, ExternalId, Handler, MessageKey, Naming, PartyId, Seller,
    Status, WhatsappThread,
};
use parlor_domain::id::{AttachmentId, ConversationId, FileKey, KeyHash, MessageId, VisitorId, WorkspaceId};
use parlor_domain::job::{Job, JobKind};
use parlor_domain::message::{AuthorId, Delivery, Message};
use parlor_domain::page::{Cursor, Limit};
use parlor_domain::store::Store;
use parlor_domain::whatsapp::{Contact, Customer, EarlyNotice, Incoming, Notice};
use parlor_testkit::Fixture;
use parlor_testkit::build::{a_conversation, a_job, a_visitor, an_agent, an_article, an_id, an_item, by_visitor, note, say};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::SelectStatement;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryTrait, Select, Statement};

const SHORT: i64 = 3_000;
const LONG: i64 = 6_000;
const SELLERS: usize = 1_000;

struct Filled {
    fixture: Fixture,
    long: Conversation,
    short: ConversationId,
}

async fn fill(store: &SeaOrmStore) -> Filled {
    let mut fixture = Fixture::stored(store).await.unwrap();
    let busy = an_agent(&fixture.workspace, Role::Agent);
    let mut conversations = Vec::new();
    let mut messages: Vec<Message> = Vec::new();
    for n in 0..SHORT {
        let visitor = if n % 60 == 0 { fixture.visitor.clone() } else { a_visitor(&fixture.channel) };
        let mut conversation = Conversation {
            last_message_at: Timestamp(n * 1_000),
            ..a_conversation(&visitor)
        };
        conversation.status = if n % 8 == 0 { Status::Open } else { Status::Resolved };
        conversation.handler = match n % 100 {
            1 => Handler::Agent(fixture.agent.id),
            2..40 => Handler::Agent(busy.id),
            _ => Handler::Queue,
        };
        if n % 10 == 0 {
            let seller = if n % 20 == 0 { &fixture.agent } else { &busy };
            conversation.kind = ConversationKind::Marketplace;
            conversation.seller = Some(Seller {
                id: seller.id,
                email: seller.email.as_str().to_owned(),
            });
        }
        let sender = by_visitor(&conversation);
        messages.push(Message {
            client_id: Some("first".to_owned()),
            ..say(&mut conversation, sender, "Hello")
        });
        conversations.push(conversation);
    }
    let mut long = a_conversation(&fixture.visitor);
    for n in 0..LONG {
        let sender = by_visitor(&long);
        let mut message = Message {
            client_id: Some(format!("client-{n}")),
            ..say(&mut long, sender, "Hello")
        };
        if n % 100 == 0 {
            long.rev += 1;
            long.staff_rev += 1;
            (message.rev, message.staff_rev) = (Some(long.rev), long.staff_rev);
        }
        messages.push(message);
        if n % 50 == 0 {
            messages.push(note(&mut long, &fixture.agent, "Note"));
        }
    }
    let short = conversations.last().unwrap().id;
    conversations.push(long.clone());
    let work = store.begin().await.unwrap();
    for conversation in &conversations {
        work.conversations().insert(conversation).await.unwrap();
    }
    work.messages().insert(&messages).await.unwrap();
    for n in 0..SELLERS {
        let seller = an_agent(&fixture.workspace, Role::Seller);
        work.agents()
            .insert(&Agent {
                unclaimed: n % 2 == 0,
                ..seller
            })
            .await
            .unwrap();
    }
    work.commit().await.unwrap();
    store.writer.execute_unprepared("ANALYZE").await.unwrap();
    fixture.conversation = long.clone();
    Filled { fixture, long, short }
}

impl SeaOrmStore {
    async fn plan_of(&self, select: &SelectStatement) -> String {
        self.plan_of_raw(self.writer.get_database_backend().build(select)).await
    }

    async fn plan_of_raw(&self, statement: Statement) -> String {
        let backend = self.writer.get_database_backend();
        let (explain, column) = match backend {
            DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
            _ => ("EXPLAIN", "QUERY PLAN"),
        };
        let statement = Statement {
            sql: format!("{explain} {}", statement.sql),
            ..statement
        };
        let lines = self.writer.query_all_raw(statement).await.unwrap();
        lines
            .iter()
            .map(|line| line.try_get::<String>("", column).unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    }

    async fn must_use<E: EntityTrait>(&self, index: &str, select: Select<E>) -> String {
        let plan = self.plan_of(&select.into_query()).await;
        assert!(plan.contains(index), "{index} is not used:\n{plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN"), "a table is scanned:\n{plan}");
        plan
    }

    /// For what may be long: the index has the order, too.
    async fn must_walk<E: EntityTrait>(&self, index: &str, select: Select<E>) {
        let plan = self.must_use(index, select).await;
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("Sort"), "rows are sorted:\n{plan}");
    }
}

async fn people_wait_for_no_scan(store: &SeaOrmStore) {
    let Filled { fixture, long, .. } = fill(store).await;
    let backend = store.writer.get_database_backend();
    let workspace = fixture.workspace.id;
    let deep = Some(Cursor {
        value: SHORT / 3 * 1_000,
        id: Uuid::nil(),
    });
    let page = |filter: ConversationFilter| list(backend, workspace, &filter, deep, Limit::DEFAULT);

    store.must_walk("conversation_list", page(ConversationFilter::default())).await;
    store
        .must_use(
            "conversation_active",
            page(ConversationFilter {
                status: Some(Status::Open),
                ..ConversationFilter::default()
            }),
        )
        .await;
    let mine = ConversationFilter {
        assignee: Some(AssigneeFilter::Agent(fixture.agent.id)),
        ..ConversationFilter::default()
    };
    store.must_use("conversation_assignee", page(mine)).await;
    store
        .must_use("conversation_visitor", list_of_visitor(workspace, fixture.visitor.id, deep, Limit::DEFAULT))
        .await;
    let of_party = |party| list_of_party(workspace, party, deep, Limit::DEFAULT);
    store.must_use("conversation_visitor", of_party(PartyId::Customer(fixture.visitor.id))).await;
    store.must_walk("conversation_seller", of_party(PartyId::Seller(fixture.agent.id))).await;
    store.must_use("conversation_seller", sold_by(workspace, fixture.agent.id)).await;

    let email = &fixture.agent.email;
    store.must_use("agent_email", agent::called(email.as_str())).await;
    store.must_use("agent_workspace_email", agent::with_email(workspace, email)).await;

    for edge in [
        Edge::End,
        Edge::Before(LONG / 2),
        Edge::UpTo(LONG / 2),
        Edge::After(LONG / 2),
        Edge::From(LONG / 2),
    ] {
        store.must_walk("message_place", public(long.id, edge, 52)).await;
        store.must_use("message_note", notes(long.id, NoteEdge::Place(edge), 52)).await;
    }
    let beside = NoteEdge::Note(
        Cursor {
            value: LONG / 2,
            id: Uuid::nil(),
        },
        sea_orm::Order::Asc,
    );
    store.must_use("message_note", notes(long.id, beside, 52)).await;
    store.must_use("message_place", newest_of(&[long.id], 100)).await;
    store
        .must_use("message_place", newest_of(&[long.id, fixture.conversation.id, ConversationId(an_id())], 100))
        .await;
}

async fn the_writer_waits_for_no_scan(store: &SeaOrmStore) {
    let Filled { fixture, long, short } = fill(store).await;
    let author = AuthorId::from(fixture.visitor.id);
    let client_ids: Vec<MessageKey> = (0..20).map(|n| MessageKey::ClientId(long.id, author, format!("client-{n}"))).collect();
    let places: Vec<MessageKey> = (1..20).map(|seq| MessageKey::Place(long.id, seq)).collect();
    let ids: Vec<MessageKey> = (1..20).map(|_| MessageKey::Id(long.id, MessageId(an_id()))).collect();
    for (index, keys) in [("message_client_id", client_ids), ("message_place", places), ("message", ids)] {
        for keys in [keys.iter().take(1).collect::<Vec<_>>(), keys.iter().collect()] {
            store.must_use(index, by_keys(&keys)).await;
        }
    }
    // Not of the long one, which is most of the table.
    let contents: Vec<KeyHash> = (0..20_u8).map(|number| KeyHash::of(&[number])).collect();
    store.must_use("message_place", with_content(short, &contents)).await;
    for (audience, changed) in [(Audience::Public, "message_changed"), (Audience::Staff, "message_staff_changed")] {
        let plan = store.plan_of(&since(long.id, audience, long.head_rev(audience) - 20, 101)).await;
        assert!(plan.contains("message_place") && plan.contains(changed), "an index is not used:\n{plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN message"), "a table is scanned:\n{plan}");
    }
}

const WORK: usize = 3_000;

/// Much work of which little is due, and articles of which few have the word.
async fn fill_with_work_and_articles(store: &SeaOrmStore) -> Fixture {
    let fixture = Fixture::stored(store).await.unwrap();
    let work = store.begin().await.unwrap();
    for n in 0..WORK {
        let conversation = a_conversation(&fixture.visitor);
        let kind = if n % 2 == 0 { JobKind::OfferExpiry } else { JobKind::AssistantAnswer };
        let job = Job {
            kind,
            run_at: Timestamp(i64::try_from(n).unwrap()),
            dead_at: (n % 3 == 0).then_some(Timestamp(1)),
            workspace_id: if n % 10 == 0 { fixture.workspace.id } else { WorkspaceId(an_id()) },
            ..a_job(&conversation)
        };
        work.jobs().insert(&job).await.unwrap();
        work.conversations()
            .insert(&Conversation {
                client_ref: Some(format!("chat-{n}")),
                kind: ConversationKind::Stored,
                ..conversation
            })
            .await
            .unwrap();
    }
    for n in 0..WORK / 10 {
        let paragraphs: Vec<String> = (0..10).map(|m| format!("# Part\n\nnumber{n} number{m} text")).collect();
        let article = an_article(&fixture.workspace, "Title", &paragraphs.join("\n\n"));
        work.articles().insert(&article, &passages_of(&article)).await.unwrap();
    }
    work.commit().await.unwrap();
    store.writer.execute_unprepared("ANALYZE").await.unwrap();
    fixture
}

/// Work is looked for every second, articles with every question.
async fn what_is_asked_again_and_again_waits_for_no_scan(store: &SeaOrmStore) {
    let fixture = fill_with_work_and_articles(store).await;
    let (backend, workspace) = (store.writer.get_database_backend(), fixture.workspace.id);
    let due = store.plan_of_raw(look(backend, Timestamp(10))).await;
    assert!(due.contains("job_due"), "{due}");
    assert!(!due.contains("Seq Scan") && !due.contains("SCAN"), "{due}");
    store.must_use("job_dead", dead(workspace)).await;
    let name = called(workspace, ConversationKind::Stored, "chat-7");
    store.must_use("conversation_client_ref", name).await;

    let terms = ["number150".to_owned(), "number250".to_owned()];
    let index = if backend == DbBackend::Sqlite {
        "VIRTUAL TABLE INDEX"
    } else {
        "article_passage_lexemes"
    };
    for statement in [likeliest(backend, workspace, &terms, 50), counts(backend, workspace, &terms)] {
        let plan = store.plan_of_raw(statement).await;
        assert!(plan.contains(index), "{index} is not used:\n{plan}");
        assert!(
            !plan.contains("Seq Scan on article_passage") && !plan.contains("SCAN p"),
            "a table is scanned:\n{plan}"
        );
    }
}

const THREADS: i64 = 2_000;

fn phone_number_id(n: i64) -> String {
    format!("83000000000000{}", n % 2)
}

fn wamid(n: i64) -> String {
    format!("wamid.{n}")
}

/// Customers on two numbers, each with a message that came in and a file, among as many conversations elsewhere.
async fn fill_with_customers(store: &SeaOrmStore) -> Fixture {
    let mut fixture = Fixture::stored(store).await.unwrap();
    let channel_id = fixture.channel.id;
    let mut items = Vec::new();
    let work = store.begin().await.unwrap();
    for n in 0..THREADS {
        let elsewhere = Conversation {
            last_seq: 1,
            last_message_at: Timestamp(n),
            ..a_conversation(&fixture.visitor)
        };
        work.conversations().insert(&elsewhere).await.unwrap();
        let visitor_id = VisitorId(an_id());
        let conversation = Conversation {
            kind: ConversationKind::Whatsapp,
            visitor_id,
            whatsapp: Some(WhatsappThread {
                number: n + 1,
                phone_number_id: phone_number_id(n),
                customer_phone: None,
                window_expires_at: None,
            }),
            last_message_at: Timestamp(n),
            ..a_conversation(&fixture.visitor)
        };
        work.conversations().insert(&conversation).await.unwrap();
        let contact = Contact {
            visitor_id,
            workspace_id: fixture.workspace.id,
            channel_id,
            conversation_id: conversation.id,
            customer: Customer {
                phone_id: Some(format!("phone-{n}")),
                user_id: Some(format!("user-{n}")),
                ..Customer::default()
            },
            created_at: Timestamp(n),
            updated_at: Timestamp(n),
        };
        work.contacts().insert(&contact).await.unwrap();
        let mut after = conversation.clone();
        let sender = by_visitor(&after);
        let message = Message {
            delivery: Some(Delivery::received(wamid(n))),
            ..say(&mut after, sender, "Hello")
        };
        work.attachments().insert(&a_file(&conversation, n, &message)).await.unwrap();
        if n % 10 == 0 {
            for of in [n, n + THREADS] {
                let early = EarlyNotice {
                    id: an_id(),
                    external_id: ExternalId { channel_id, id: wamid(of) },
                    notice: Notice::Change(Incoming::Revoke { target: wamid(of) }),
                    received_at: Timestamp(n),
                };
                work.deliveries().keep_early(&early).await.unwrap();
            }
        }
        let naming = Naming {
            external_id: ExternalId { channel_id, id: wamid(n) },
            workspace_id: fixture.workspace.id,
            conversation_id: conversation.id,
            message_id: message.id,
            part: 0,
        };
        let mut item = an_item(conversation.version, &after, vec![message]);
        item.conversation.version += 1;
        item.named.push(naming);
        fixture.conversation = item.conversation.clone();
        items.push(item);
    }
    work.commit().await.unwrap();
    store.commit(&items).await.unwrap();
    store.writer.execute_unprepared("ANALYZE").await.unwrap();
    fixture
}

/// One in a hundred is deleted, and one in a hundred waits for its message.
fn a_file(conversation: &Conversation, n: i64, message: &Message) -> Attachment {
    Attachment {
        file: AttachedFile {
            id: AttachmentId(an_id()),
            name: FileName::label("photo.png"),
            mime: "image/png".to_owned(),
            size: 1,
            width: Some(1),
            height: Some(1),
        },
        workspace_id: conversation.workspace_id,
        conversation_id: conversation.id,
        message_id: (n % 100 != 1).then_some(message.id),
        uploaded_by: message.sender.author(),
        key: FileKey(an_id()),
        created_at: Timestamp(n),
        deleted_at: (n % 100 == 2).then_some(Timestamp(n)),
    }
}

/// What every delivery of a platform and every page of its family looks for.
async fn a_channel_waits_for_no_scan(store: &SeaOrmStore) {
    let fixture = fill_with_customers(store).await;
    let (workspace, channel, conversation) = (fixture.workspace.id, fixture.channel.id, fixture.conversation.id);
    store
        .must_walk("conversation_whatsapp_number", on_whatsapp(workspace, Some(&phone_number_id(1)), 100, 50))
        .await;
    store.must_walk("conversation_whatsapp", on_whatsapp(workspace, None, 100, 50)).await;
    store.must_use("conversation_number", numbered(workspace, 7)).await;
    store.must_use("contact_phone_id", by_phone_id(channel, "phone-7")).await;
    store.must_use("contact_user_id", by_user_id(channel, "user-7")).await;

    let names: Vec<ExternalId> = (0..20)
        .map(|n| ExternalId {
            channel_id: channel,
            id: wamid(n * 7),
        })
        .collect();
    let key = if store.is_sqlite() { "sqlite_autoindex_delivery_1" } else { "delivery_pkey" };
    for few in [1, 20] {
        store.must_use(key, delivery::called(names.iter().take(few))).await;
    }
    store.must_use("early_notice_once", told(names.first().unwrap())).await;
    // What waits is little and walked; what is known is much.
    let plan = store.plan_of(&known(100).into_query()).await;
    assert!(
        plan.contains(key) && !plan.contains("SCAN delivery") && !plan.contains("Seq Scan on delivery"),
        "{plan}"
    );

    store.must_walk("message_place", inbound(conversation, 7)).await;
    store.must_walk("message_place", newest_said(conversation, 10, 50)).await;

    let files: Vec<AttachmentId> = (0..5).map(|_| AttachmentId(an_id())).collect();
    store.must_use("attachment", attachment::of(workspace, conversation, &files)).await;
    store.must_walk("attachment_deleted", attachment::deleted(100)).await;
    store.must_walk("attachment_unused", attachment::unused(Timestamp(THREADS / 2), 100)).await;
}

#[tokio::test]
async fn a_channel_waits_for_no_scan_on_sqlite() {
    a_channel_waits_for_no_scan(&on_sqlite().await.0).await;
}

#[tokio::test]
async fn a_channel_waits_for_no_scan_on_postgres() {
    let database = TestPostgres::new().await;
    a_channel_waits_for_no_scan(&database.open().await).await;
}

#[tokio::test]
async fn what_is_asked_again_and_again_waits_for_no_scan_on_sqlite() {
    what_is_asked_again_and_again_waits_for_no_scan(&on_sqlite().await.0).await;
}

#[tokio::test]
async fn what_is_asked_again_and_again_waits_for_no_scan_on_postgres() {
    let database = TestPostgres::new().await;
    what_is_asked_again_and_again_waits_for_no_scan(&database.open().await).await;
}

async fn on_sqlite() -> (SeaOrmStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = open_sqlite(&folder.path().join("parlor.db")).await.unwrap();
    migrate(&store).await.unwrap();
    (store, folder)
}

#[tokio::test]
async fn people_wait_for_no_scan_on_sqlite() {
    people_wait_for_no_scan(&on_sqlite().await.0).await;
}

#[tokio::test]
async fn people_wait_for_no_scan_on_postgres() {
    let database = TestPostgres::new().await;
    people_wait_for_no_scan(&database.open().await).await;
}

#[tokio::test]
async fn the_writer_waits_for_no_scan_on_sqlite() {
    the_writer_waits_for_no_scan(&on_sqlite().await.0).await;
}

#[tokio::test]
async fn the_writer_waits_for_no_scan_on_postgres() {
    let database = TestPostgres::new().await;
    the_writer_waits_for_no_scan(&database.open().await).await;
}
