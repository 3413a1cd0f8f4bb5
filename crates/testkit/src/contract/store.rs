//! Units of work, and that what is stored is read back as it was.

use super::{HARD, Harness, later, line, name};
use crate::Fixture;
use crate::build::{a_channel, a_conversation, a_login, a_mark, a_workspace, an_audit_entry, an_id, by_agent, note, now, say};
use parlor_domain::agent::{ApiKey, ApiScope, Invitation, Login};
use parlor_domain::assistant::{AssistantSettings, Prompt};
use parlor_domain::audit::AuditEntry;
use parlor_domain::channel::{Channel, ChannelKind, IdentityRule, Origin};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{Conversation, ConversationKind, Flag, Handler, ReadMark, Status, Subject};
use parlor_domain::creation::{Creation, CreationKey};
use parlor_domain::id::{ApiKeyId, InvitationId, KeyHash, MessageId};
use parlor_domain::message::{Message, MessageKind, Reaction, Sender, SenderKind, Side};
use parlor_domain::realtime::{Ticket, TicketHolder};
use parlor_domain::text::Metadata;
use parlor_domain::workspace::Workspace;
use serde_json::json;

/// It answers that it is there.
pub async fn it_answers(harness: &Harness) {
    harness.store.check().await.unwrap();
}

/// Workspaces come back with every field, and changes of them.
pub async fn a_workspace_is_read_back(harness: &Harness) {
    let first = Workspace {
        name: name(HARD),
        updated_at: later(3),
        ..a_workspace()
    };
    let second = Workspace {
        created_at: later(1),
        ..a_workspace()
    };
    let work = harness.begin().await;
    work.workspaces().insert(&second).await.unwrap();
    work.workspaces().insert(&first).await.unwrap();
    work.commit().await.unwrap();

    let read = harness.read().await;
    assert_eq!(read.workspaces().find(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(read.workspaces().find_by_name(HARD).await.unwrap(), Some(first.clone()));
    assert_eq!(read.workspaces().find_by_name("nobody").await.unwrap(), None);
    assert_eq!(read.workspaces().list().await.unwrap(), [first.clone(), second.clone()]);

    let renamed = Workspace {
        name: name("Renamed"),
        updated_at: later(9),
        ..second
    };
    let work = harness.begin().await;
    work.workspaces().update(&renamed).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(harness.read().await.workspaces().list().await.unwrap(), [first, renamed]);
}

/// Channels come back with every field; deleted ones are in no list.
pub async fn a_channel_is_read_back(harness: &Harness) {
    let fixture = harness.fixture().await;
    let plain = fixture.channel;
    let origin = |text| Origin::parse(text).unwrap();
    let full = Channel {
        kind: ChannelKind::Api,
        name: name(HARD),
        origins: vec![origin("https://shop.example.com"), origin("http://localhost:3000")],
        identity: IdentityRule::Required,
        assistant: AssistantSettings {
            enabled: false,
            name: Some(name(HARD)),
            base_url: Some(line("https://models.example.com/v1")),
            system_prompt: Some(Prompt::parse(HARD).unwrap()),
            temperature_milli: Some(700),
            extra_body: Some(Metadata::parse(serde_json::json!({"top_k": 4, "deep": [null, {"a": "ż"}]})).unwrap()),
            score_limit: 60,
            ..AssistantSettings::default()
        },
        assistant_key: Some(vec![0, 255, 1, 0]),
        created_at: later(1),
        updated_at: later(2),
        deleted_at: None,
        ..a_channel(&fixture.workspace)
    };
    let work = harness.begin().await;
    work.channels().insert(&full).await.unwrap();
    work.commit().await.unwrap();

    let read = harness.read().await;
    assert_eq!(read.channels().find_any(plain.id).await.unwrap(), Some(plain.clone()));
    assert_eq!(read.channels().find(full.workspace_id, full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(read.channels().list(full.workspace_id).await.unwrap(), [plain.clone(), full.clone()]);

    let deleted = Channel {
        assistant_key: None,
        assistant: AssistantSettings::default(),
        deleted_at: Some(later(5)),
        updated_at: later(5),
        ..full
    };
    let work = harness.begin().await;
    work.channels().update(&deleted).await.unwrap();
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.channels().find_any(deleted.id).await.unwrap(), Some(deleted.clone()));
    assert_eq!(read.channels().list(deleted.workspace_id).await.unwrap(), std::slice::from_ref(&plain));
    assert_eq!(read.channels().list_all().await.unwrap(), [plain]);
}

/// Logins, invitations, API keys, tickets, creations and audit lines come back with every field.
pub async fn what_proves_and_what_is_remembered_is_read_back(harness: &Harness) {
    let Fixture {
        workspace,
        agent,
        visitor,
        conversation,
        ..
    } = harness.fixture().await;
    let logins = [
        a_login(&agent),
        Login {
            generation: 7,
            auth_version: 3,
            ended_at: Some(later(2)),
            ..a_login(&agent)
        },
    ];
    let invitations = [Some(agent.id), None].map(|agent_id| Invitation {
        id: InvitationId(an_id()),
        workspace_id: workspace.id,
        agent_id,
        token: KeyHash::of(an_id().as_bytes()),
        created_at: now(),
        expires_at: later(60),
    });
    let api_keys = [(ApiScope::Read, None), (ApiScope::Write, None), (ApiScope::Admin, Some(later(1)))].map(|(scope, revoked_at)| ApiKey {
        id: ApiKeyId(an_id()),
        workspace_id: workspace.id,
        name: name(HARD),
        scope,
        secret: KeyHash::of(an_id().as_bytes()),
        created_at: now(),
        revoked_at,
    });
    let (agent_id, visitor_id, conversation_id, auth_version, expires_at) = (agent.id, visitor.id, conversation.id, 2, later(5));
    let tickets = [
        TicketHolder::Agent {
            agent_id,
            login_id: logins[0].id,
            auth_version,
            expires_at,
        },
        TicketHolder::HostAgent {
            agent_id,
            auth_version,
            expires_at,
        },
        TicketHolder::Visitor {
            workspace_id: workspace.id,
            visitor_id,
            expires_at: None,
        },
        TicketHolder::Visitor {
            workspace_id: workspace.id,
            visitor_id,
            expires_at: Some(expires_at),
        },
        TicketHolder::Room {
            workspace_id: workspace.id,
            visitor_id,
            conversation_id,
        },
    ]
    .map(|holder| {
        let origin = matches!(holder, TicketHolder::Room { .. }).then(|| "https://shop.example.com".to_owned());
        Ticket {
            hash: KeyHash::of(an_id().as_bytes()),
            holder,
            origin,
            expires_at,
        }
    });
    let creation = Creation {
        key: CreationKey::new("room", "visitor", "key", HARD.as_bytes()),
        sealed: vec![0, 255, 1, 39, 92],
        created_at: now(),
    };
    let lines = [
        AuditEntry {
            actor_id: Some(agent.id.0),
            detail: json!({"from": HARD, "to": [1, null]}),
            ..an_audit_entry(&conversation, "conversation.assign")
        },
        AuditEntry {
            at: later(1),
            ..an_audit_entry(&conversation, "conversation.status")
        },
    ];

    let work = harness.begin().await;
    for login in &logins {
        work.logins().insert(login).await.unwrap();
    }
    for invitation in &invitations {
        work.invitations().replace(invitation).await.unwrap();
    }
    for key in &api_keys {
        work.api_keys().insert(key).await.unwrap();
    }
    for ticket in &tickets {
        work.tickets().insert(ticket).await.unwrap();
    }
    work.creations().insert(&creation).await.unwrap();
    for line in lines.iter().rev() {
        work.audit().insert(line).await.unwrap();
    }
    work.commit().await.unwrap();

    let work = harness.begin().await;
    for login in logins {
        assert_eq!(work.logins().find(login.id).await.unwrap(), Some(login));
    }
    for invitation in invitations {
        assert_eq!(work.invitations().find(invitation.token).await.unwrap(), Some(invitation));
    }
    for key in &api_keys {
        assert_eq!(work.api_keys().find_by_secret(key.secret).await.unwrap().as_ref(), Some(key));
    }
    assert_eq!(work.api_keys().list(workspace.id).await.unwrap(), api_keys[..2]);
    for ticket in tickets {
        assert_eq!(work.tickets().take(ticket.hash).await.unwrap(), Some(ticket));
    }
    assert!(work.creations().find(creation.key.id, now()).await.unwrap() == Some(creation));
    assert_eq!(work.audit().list_for(workspace.id, conversation.id.0).await.unwrap(), lines);
}

/// Conversations and messages come back with every field.
pub async fn a_conversation_is_read_back_with_its_messages(harness: &Harness) {
    let fixture = harness.fixture().await;
    let mut full = Conversation {
        kind: ConversationKind::Stored,
        client_ref: Some(HARD.to_owned()),
        answer_id: Some(MessageId(an_id())),
        answers: 4,
        status: Status::Snoozed,
        snoozed_until: Some(later(60)),
        handler: Handler::Agent(fixture.agent.id),
        handler_version: 3,
        subject: Some(Subject {
            kind: "listing".to_owned(),
            external_id: Some("sku-1".to_owned()),
            title: HARD.to_owned(),
            price: Some(18_500.into()),
        }),
        flag: Some(Flag {
            reason: Some(HARD.to_owned()),
            by: Some(Side::Visitor),
            at: later(2),
        }),
        labels: vec!["100%".to_owned(), "vip".to_owned()],
        customer_name: Some(HARD.to_owned()),
        customer_email: Some("nadia@example.com".to_owned()),
        metadata: Some(json!({"order": 7})),
        changed_rev: 1,
        changed_staff_rev: 2,
        last_message_at: later(3),
        team_mark: ReadMark { seq: 1, count: 1 },
        visitor_mark: ReadMark { seq: 2, count: 1 },
        visitor_delivered: 2,
        team_delivered: 1,
        created_at: later(1),
        updated_at: later(4),
        deleted_at: Some(later(5)),
        ..a_conversation(&fixture.visitor)
    };
    let sender = Sender {
        kind: SenderKind::Visitor,
        id: Some(full.visitor_id.0),
        name: Some(HARD.to_owned()),
        reported: true,
    };
    let first = say(&mut full, sender, HARD);
    let mut second = say(&mut full, by_agent(&fixture.agent), "Hello");
    second = Message {
        kind: MessageKind::System,
        payload: Some(json!({"a": [1, {"b": null}]})),
        reply_to: Some(first.id),
        reactions: vec![
            Reaction {
                emoji: "👍".to_owned(),
                by: Side::Visitor,
            },
            Reaction {
                emoji: "🎉".to_owned(),
                by: Side::Agent,
            },
        ],
        metadata: Some(json!({"page": HARD})),
        client_id: Some("client-1".to_owned()),
        sent_at: Some(later(1)),
        edited_at: Some(later(2)),
        deleted_at: Some(later(3)),
        ..second
    };
    let third = note(&mut full, &fixture.agent, "between us");
    let without_words = Conversation {
        subject: Some(Subject {
            kind: "text".to_owned(),
            external_id: None,
            title: "Order".to_owned(),
            price: None,
        }),
        flag: Some(Flag {
            reason: None,
            by: None,
            at: later(1),
        }),
        handler: Handler::Assistant,
        ..a_conversation(&fixture.visitor)
    };
    let work = harness.begin().await;
    work.conversations().insert(&full).await.unwrap();
    work.conversations().insert(&without_words).await.unwrap();
    work.messages().insert(&[first.clone(), second.clone(), third.clone()]).await.unwrap();
    work.commit().await.unwrap();

    let read = harness.read().await;
    for conversation in [&fixture.conversation, &full, &without_words] {
        let found = read.conversations().find(conversation.workspace_id, conversation.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(conversation));
        assert_eq!(read.conversations().find_by_room_key(conversation.room_key).await.unwrap(), found);
        assert_eq!(harness.row(conversation.id).await, *conversation);
    }
    for message in [&first, &second, &third] {
        assert_eq!(read.messages().find(full.id, message.id).await.unwrap().as_ref(), Some(message));
        assert_eq!(read.messages().find(without_words.id, message.id).await.unwrap(), None);
    }
    assert_eq!(harness.messages(full.id).await, [first, second, third]);
    let mark = a_mark(&full, &fixture.agent, 0, 0);
    assert_eq!(read.agent_marks().find(full.id, fixture.agent.id).await.unwrap(), mark.mark);
}

/// What was not committed never was; nobody else sees it meanwhile, the unit of work itself does.
pub async fn a_dropped_unit_of_work_leaves_nothing(harness: &Harness) {
    let fixture = Fixture::new();
    let work = harness.begin().await;
    work.workspaces().insert(&fixture.workspace).await.unwrap();
    work.channels().insert(&fixture.channel).await.unwrap();
    work.visitors().insert(&fixture.visitor).await.unwrap();
    work.visitors().insert_key(fixture.visitor.id, fixture.visitor_key.hash(), now()).await.unwrap();
    work.agents().insert(&fixture.agent).await.unwrap();
    work.conversations().insert(&fixture.conversation).await.unwrap();
    assert_eq!(
        work.visitors().find_by_key(fixture.visitor_key.hash()).await.unwrap(),
        Some(fixture.visitor.clone())
    );
    assert_eq!(harness.read().await.workspaces().list().await.unwrap(), []);
    drop(work);

    let read = harness.read().await;
    assert_eq!(read.workspaces().list().await.unwrap(), []);
    assert_eq!(read.channels().list_all().await.unwrap(), []);
    assert_eq!(read.visitors().find(fixture.workspace.id, fixture.visitor.id).await.unwrap(), None);
    assert_eq!(read.visitors().find_by_key(fixture.visitor_key.hash()).await.unwrap(), None);
    assert!(!read.agents().any().await.unwrap());
    assert_eq!(harness.conversations.load(&[fixture.conversation.id]).await.unwrap(), []);

    // And the same values are free.
    fixture.store(&*harness.store).await.unwrap();
}

/// Who reads for an update sees what the one before wrote: none of many changes is lost.
pub async fn changes_after_find_for_update_are_not_lost(harness: &Harness) {
    let Fixture { workspace, visitor, agent, .. } = harness.fixture().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = std::sync::Arc::clone(&harness.store);
        let (workspace, visitor, agent) = (workspace.id, visitor.id, agent.id);
        tasks.spawn(async move {
            let work = store.begin().await.unwrap();
            let mut found = work.visitors().find_for_update(workspace, visitor).await.unwrap().unwrap();
            found.updated_at = Timestamp(found.updated_at.millis() + 1);
            work.visitors().update(&found).await.unwrap();
            let mut found = work.agents().find_for_update(workspace, agent).await.unwrap().unwrap();
            found.auth_version += 1;
            work.agents().update(&found).await.unwrap();
            work.commit().await.unwrap();
        });
    }
    tasks.join_all().await;
    let read = harness.read().await;
    let changed = read.visitors().find(workspace.id, visitor.id).await.unwrap().unwrap();
    assert_eq!(changed.updated_at.millis(), visitor.updated_at.millis() + 16);
    assert_eq!(
        read.agents().find(workspace.id, agent.id).await.unwrap().unwrap().auth_version,
        agent.auth_version + 16
    );
}
