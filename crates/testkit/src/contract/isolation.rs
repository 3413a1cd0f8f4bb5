//! Nothing is seen across workspaces, and nothing of one visitor by another.

use super::Harness;
use crate::Fixture;
use crate::build::{a_conversation, a_session, a_visitor, an_audit_entry, an_id, an_item, by_visitor, now, say};
use parlor_domain::agent::{ApiKey, ApiScope};
use parlor_domain::conversation::{Audience, Conversation, ConversationFilter, Handler};
use parlor_domain::id::{ApiKeyId, KeyHash};
use parlor_domain::message::{HistoryQuery, HistoryWindow};
use parlor_domain::page::Limit;
use parlor_domain::text::{Line, Name};
use parlor_domain::visitor::{Identity, Visitor, VisitorFilter};

/// An id with the wrong workspace finds nothing, and no list mixes workspaces.
pub async fn workspaces_do_not_see_one_another(harness: &Harness) {
    let sides = [harness.fixture().await, harness.fixture().await];
    let mut conversations = Vec::new();
    let work = harness.begin().await;
    for (
        number,
        Fixture {
            workspace,
            channel,
            visitor,
            agent,
            ..
        },
    ) in sides.iter().enumerate()
    {
        let visitor = Visitor {
            external_id: Some(Identity::verified(Line::stored("42".to_owned()))),
            ..visitor.clone()
        };
        work.visitors().update(&visitor).await.unwrap();
        let conversation = Conversation {
            last_seq: 1,
            handler: Handler::Agent(agent.id),
            ..a_conversation(&visitor)
        };
        work.conversations().insert(&conversation).await.unwrap();
        work.sessions().insert(&a_session(&conversation)).await.unwrap();
        work.audit().insert(&an_audit_entry(&conversation, "conversation.assign")).await.unwrap();
        let key = ApiKey {
            id: ApiKeyId(an_id()),
            workspace_id: workspace.id,
            name: Name::stored("robot".to_owned()),
            scope: ApiScope::Read,
            secret: KeyHash::of(&number.to_le_bytes()),
            created_at: now(),
            revoked_at: None,
        };
        work.api_keys().insert(&key).await.unwrap();
        assert_eq!(work.channels().list(workspace.id).await.unwrap(), std::slice::from_ref(channel));
        conversations.push(conversation);
    }
    work.commit().await.unwrap();

    let read = harness.read().await;
    for (own, other) in [(0, 1), (1, 0)] {
        let (here, there) = (&sides[own], &sides[other]);
        let workspace = here.workspace.id;
        let foreign = &conversations[other];
        assert_eq!(read.channels().find(workspace, there.channel.id).await.unwrap(), None);
        assert_eq!(read.visitors().find(workspace, there.visitor.id).await.unwrap(), None);
        assert_eq!(read.agents().find(workspace, there.agent.id).await.unwrap(), None);
        assert_eq!(read.conversations().find(workspace, foreign.id).await.unwrap(), None);
        assert_eq!(read.sessions().find_latest(workspace, foreign.id).await.unwrap(), None);
        assert_eq!(read.sessions().list(workspace, there.visitor.id, None, Limit::MAX).await.unwrap().items, []);
        assert_eq!(
            read.conversations()
                .list_of_visitor(workspace, there.visitor.id, None, Limit::MAX)
                .await
                .unwrap()
                .items,
            []
        );
        assert_eq!(read.conversations().assigned_to(workspace, there.agent.id).await.unwrap(), []);
        assert_eq!(read.audit().list_for(workspace, foreign.id.0).await.unwrap(), []);

        assert_eq!(read.visitors().find_by_subject(workspace, "42").await.unwrap().unwrap().id, here.visitor.id);
        let visitors = read.visitors().list(workspace, &VisitorFilter::default(), None, Limit::MAX).await.unwrap();
        assert_eq!(visitors.items.iter().map(|visitor| visitor.id).collect::<Vec<_>>(), [here.visitor.id]);
        assert_eq!(
            read.agents().list(workspace, None, Limit::MAX).await.unwrap().items,
            std::slice::from_ref(&here.agent)
        );
        let listed = read
            .conversations()
            .list(workspace, &ConversationFilter::default(), None, Limit::MAX)
            .await
            .unwrap();
        assert_eq!(listed.items, std::slice::from_ref(&conversations[own]));
        assert_eq!(
            read.conversations().assigned_to(workspace, here.agent.id).await.unwrap(),
            [conversations[own].id]
        );
        let ids = [foreign.id, conversations[own].id];
        assert_eq!(
            read.conversations().room_keys(workspace, &ids).await.unwrap(),
            [(conversations[own].id, conversations[own].room_key)]
        );
        assert_eq!(read.conversations().room_keys(workspace, &[]).await.unwrap(), []);
        assert_eq!(read.api_keys().list(workspace).await.unwrap().len(), 1);
        assert_eq!(read.audit().list_for(workspace, conversations[own].id.0).await.unwrap().len(), 1);
    }
    let work = harness.begin().await;
    let (here, there) = (&sides[0], &sides[1]);
    let moved = work
        .conversations()
        .move_to_visitor(here.workspace.id, there.visitor.id, here.visitor.id, now())
        .await
        .unwrap();
    assert_eq!(moved, []);
    assert_eq!(
        work.sessions()
            .move_to_visitor(here.workspace.id, there.visitor.id, here.visitor.id)
            .await
            .unwrap(),
        0
    );
    assert_eq!(work.visitors().find_for_update(here.workspace.id, there.visitor.id).await.unwrap(), None);
    assert_eq!(work.agents().find_for_update(here.workspace.id, there.agent.id).await.unwrap(), None);
}

/// One visitor's sessions, conversations and messages are in no answer about another one's.
pub async fn visitors_do_not_see_one_another(harness: &Harness) {
    let fixture = harness.fixture().await;
    let other = a_visitor(&fixture.channel);
    let mut theirs = a_conversation(&other);
    let mut ours = fixture.conversation.clone();
    let work = harness.begin().await;
    work.visitors().insert(&other).await.unwrap();
    work.conversations().insert(&theirs).await.unwrap();
    let sessions = [a_session(&ours), a_session(&theirs)];
    for session in &sessions {
        work.sessions().insert(session).await.unwrap();
    }
    work.commit().await.unwrap();
    let said = [&mut ours, &mut theirs].map(|conversation| {
        let sender = by_visitor(conversation);
        let base = conversation.version;
        let message = say(conversation, sender, "Hello");
        (base, message)
    });
    let items = [
        an_item(said[0].0, &ours, vec![said[0].1.clone()]),
        an_item(said[1].0, &theirs, vec![said[1].1.clone()]),
    ];
    harness.commit(&items).await;

    let read = harness.read().await;
    for (conversation, session, message) in [(&ours, &sessions[0], &said[0].1), (&theirs, &sessions[1], &said[1].1)] {
        let (workspace, visitor) = (conversation.workspace_id, conversation.visitor_id);
        let listed = read.conversations().list_of_visitor(workspace, visitor, None, Limit::MAX).await.unwrap();
        assert_eq!(listed.items, std::slice::from_ref(conversation));
        assert_eq!(
            read.sessions().list(workspace, visitor, None, Limit::MAX).await.unwrap().items,
            std::slice::from_ref(session)
        );
        let history = HistoryQuery {
            audience: Audience::Public,
            window: HistoryWindow::Newest,
            limit: Limit::MAX,
        };
        assert_eq!(
            read.messages().history(conversation.id, history).await.unwrap().messages,
            std::slice::from_ref(message)
        );
        assert_eq!(
            read.messages().changed_after(conversation.id, Audience::Public, 0, 10).await.unwrap(),
            std::slice::from_ref(message)
        );
    }
    assert_eq!(read.messages().find(ours.id, said[1].1.id).await.unwrap(), None);
}
