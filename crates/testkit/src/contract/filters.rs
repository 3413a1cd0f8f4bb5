//! What the filters of lists choose.

use super::Harness;
use crate::Fixture;
use crate::build::{a_channel, a_conversation, a_visitor, an_agent, now};
use parlor_domain::agent::Role;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{AssigneeFilter, Conversation, ConversationFilter, ConversationKind, Flag, HandledBy, Handler, ReadMark, Status, Subject};
use parlor_domain::id::{ConversationId, VisitorId};
use parlor_domain::page::Limit;
use parlor_domain::text::{Email, Name, Phone};
use parlor_domain::visitor::{Identity, Visitor, VisitorFilter};

async fn listed(harness: &Harness, fixture: &Fixture, filter: &ConversationFilter) -> Vec<ConversationId> {
    let page = harness
        .read()
        .await
        .conversations()
        .list(fixture.workspace.id, filter, None, Limit::MAX)
        .await
        .unwrap();
    let mut ids: Vec<ConversationId> = page.items.into_iter().map(|conversation| conversation.id).collect();
    ids.sort();
    ids
}

/// Each filter of the conversation list chooses what it says, alone and with others.
pub async fn conversations_are_filtered(harness: &Harness) {
    let fixture = harness.fixture().await;
    let colleague = an_agent(&fixture.workspace, Role::Agent);
    let second_channel = a_channel(&fixture.workspace);
    let work = harness.begin().await;
    work.agents().insert(&colleague).await.unwrap();
    work.channels().insert(&second_channel).await.unwrap();
    work.commit().await.unwrap();

    let plain = || Conversation {
        last_seq: 2,
        inbound_count: 1,
        outbound_count: 1,
        team_mark: ReadMark { seq: 2, count: 1 },
        ..a_conversation(&fixture.visitor)
    };
    let statuses = [Status::Open, Status::Pending, Status::Snoozed, Status::Resolved].map(|status| Conversation { status, ..plain() });
    let handlers = [
        Handler::Assistant,
        Handler::Queue,
        Handler::Agent(fixture.agent.id),
        Handler::Agent(colleague.id),
    ]
    .map(|handler| Conversation { handler, ..plain() });
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    let others = [
        Conversation {
            channel_id: second_channel.id,
            ..plain()
        },
        Conversation {
            kind: ConversationKind::Room,
            ..plain()
        },
        Conversation {
            inbound_count: 2,
            last_seq: 3,
            ..plain()
        },
        Conversation {
            flag: Some(Flag {
                reason: None,
                by: None,
                at: now(),
            }),
            ..plain()
        },
        Conversation {
            labels: labels(&["100%", "vip"]),
            ..plain()
        },
        Conversation {
            labels: labels(&["100", "vip2"]),
            ..plain()
        },
        Conversation {
            last_seq: 0,
            inbound_count: 0,
            outbound_count: 0,
            team_mark: ReadMark::default(),
            ..plain()
        },
        Conversation {
            deleted_at: Some(now()),
            ..plain()
        },
        Conversation {
            deleted_at: Some(now()),
            status: Status::Resolved,
            labels: labels(&["vip"]),
            ..plain()
        },
    ];
    let mut all: Vec<Conversation> = statuses.into_iter().chain(handlers).chain(others).collect();
    harness.insert(&all).await;
    all.push(fixture.conversation.clone());

    let some = ConversationFilter::default;
    let is_shown = |conversation: &Conversation| conversation.last_seq > 0 && conversation.deleted_at.is_none();
    type Rule<'a> = Box<dyn Fn(&Conversation) -> bool + 'a>;
    let has = |label: &'static str| Box::new(move |found: &Conversation| is_shown(found) && found.labels.iter().any(|own| own == label)) as Rule<'_>;
    let mut rules: Vec<(ConversationFilter, Rule<'_>)> = vec![
        (some(), Box::new(is_shown)),
        (
            ConversationFilter {
                assignee: Some(AssigneeFilter::Nobody),
                ..some()
            },
            Box::new(|found| is_shown(found) && found.handler.assignee().is_none()),
        ),
        (
            ConversationFilter {
                channel: Some(second_channel.id),
                ..some()
            },
            Box::new(|found| is_shown(found) && found.channel_id == second_channel.id),
        ),
        (
            ConversationFilter {
                label: Some("vip".to_owned()),
                ..some()
            },
            has("vip"),
        ),
        (
            ConversationFilter {
                label: Some("100%".to_owned()),
                ..some()
            },
            has("100%"),
        ),
        (
            ConversationFilter {
                label: Some("vi".to_owned()),
                ..some()
            },
            has("vi"),
        ),
        (
            ConversationFilter {
                label: Some("\"vip\"".to_owned()),
                ..some()
            },
            has("\"vip\""),
        ),
        (
            ConversationFilter { empty: true, ..some() },
            Box::new(|found| found.last_seq == 0 && found.deleted_at.is_none()),
        ),
        (
            ConversationFilter { deleted: true, ..some() },
            Box::new(|found| found.last_seq > 0 && found.deleted_at.is_some()),
        ),
        (
            ConversationFilter {
                deleted: true,
                status: Some(Status::Resolved),
                label: Some("vip".to_owned()),
                ..some()
            },
            Box::new(|found| found.deleted_at.is_some() && found.status == Status::Resolved),
        ),
        (
            ConversationFilter {
                status: Some(Status::Open),
                handled_by: Some(HandledBy::Agent),
                unread: Some(false),
                flagged: Some(false),
                ..some()
            },
            Box::new(|found| is_shown(found) && found.status == Status::Open && found.handler.assignee().is_some()),
        ),
    ];
    for status in [Status::Open, Status::Pending, Status::Snoozed, Status::Resolved] {
        rules.push((
            ConversationFilter {
                status: Some(status),
                ..some()
            },
            Box::new(move |found| is_shown(found) && found.status == status),
        ));
    }
    for agent in [fixture.agent.id, colleague.id] {
        let filter = ConversationFilter {
            assignee: Some(AssigneeFilter::Agent(agent)),
            ..some()
        };
        rules.push((filter, Box::new(move |found| is_shown(found) && found.handler == Handler::Agent(agent))));
    }
    for kind in [ConversationKind::Chat, ConversationKind::Room] {
        rules.push((
            ConversationFilter { kind: Some(kind), ..some() },
            Box::new(move |found| is_shown(found) && found.kind == kind),
        ));
    }
    for word in [HandledBy::Assistant, HandledBy::Queue, HandledBy::Agent, HandledBy::Human] {
        let rule = move |found: &Conversation| is_shown(found) && (found.handler.for_agent() == word || found.handler.for_visitor() == word);
        rules.push((
            ConversationFilter {
                handled_by: Some(word),
                ..some()
            },
            Box::new(rule),
        ));
    }
    for wanted in [true, false] {
        let unread = move |found: &Conversation| is_shown(found) && (found.unread_by_team() > 0) == wanted;
        rules.push((
            ConversationFilter {
                unread: Some(wanted),
                ..some()
            },
            Box::new(unread),
        ));
        let flagged = move |found: &Conversation| is_shown(found) && found.flag.is_some() == wanted;
        rules.push((
            ConversationFilter {
                flagged: Some(wanted),
                ..some()
            },
            Box::new(flagged),
        ));
    }
    for (filter, rule) in &rules {
        let mut expected: Vec<ConversationId> = all
            .iter()
            .filter(|conversation| rule(conversation))
            .map(|conversation| conversation.id)
            .collect();
        expected.sort();
        assert_eq!(listed(harness, &fixture, filter).await, expected, "{filter:?}");
    }
}

/// A query finds a part of the customer's name, or exactly the address, number or subject; no sign in it is a wildcard.
pub async fn conversations_are_found_by_query(harness: &Harness) {
    let fixture = harness.fixture().await;
    let visitor = Visitor {
        phone: Some(Identity::claimed(Phone::stored("+12025550100".to_owned()))),
        ..a_visitor(&fixture.channel)
    };
    let work = harness.begin().await;
    work.visitors().insert(&visitor).await.unwrap();
    work.commit().await.unwrap();
    let said = |conversation: Conversation| Conversation {
        last_seq: 1,
        inbound_count: 1,
        ..conversation
    };
    let named = |name: &str| {
        said(Conversation {
            customer_name: Some(name.to_owned()),
            ..a_conversation(&fixture.visitor)
        })
    };
    let nadia = named("Nadia Example");
    let percent = named("100% Wool");
    let under = named("a_b");
    let back = named("c\\d");
    let mailed = said(Conversation {
        customer_email: Some("nadia@example.com".to_owned()),
        ..a_conversation(&fixture.visitor)
    });
    let called = said(a_conversation(&visitor));
    let subject = Some(Subject {
        kind: "order".to_owned(),
        external_id: None,
        title: "Order 7".to_owned(),
        price: None,
    });
    let about = said(Conversation {
        subject,
        ..a_conversation(&fixture.visitor)
    });
    harness
        .insert(&[&nadia, &percent, &under, &back, &mailed, &called, &about].map(Clone::clone))
        .await;

    let cases: [(&str, &[&Conversation]); 18] = [
        ("Nadia", &[&nadia]),
        ("nADIA eX", &[&nadia]),
        ("dia", &[&nadia]),
        ("nadia@example.com", &[&mailed]),
        ("Nadia@Example.com", &[&mailed]),
        ("nadia@example", &[]),
        ("+12025550100", &[&called]),
        ("+1202555", &[]),
        ("Order 7", &[&about]),
        ("Order", &[]),
        ("%", &[&percent]),
        ("0%", &[&percent]),
        ("1%W", &[]),
        ("_", &[&under]),
        ("a_b", &[&under]),
        ("N_dia", &[]),
        ("\\", &[&back]),
        ("c\\d", &[&back]),
    ];
    for (query, found) in cases {
        let mut expected: Vec<ConversationId> = found.iter().map(|conversation| conversation.id).collect();
        expected.sort();
        let filter = ConversationFilter {
            query: Some(query.to_owned()),
            ..ConversationFilter::default()
        };
        assert_eq!(listed(harness, &fixture, &filter).await, expected, "{query}");
    }
}

/// A query finds visitors by part of a name, or by the beginning of an address or number; no sign in it is a wildcard.
pub async fn visitors_are_found_by_query(harness: &Harness) {
    let fixture = harness.fixture().await;
    let named = |name: &str| Visitor {
        name: Some(Name::stored(name.to_owned())),
        ..a_visitor(&fixture.channel)
    };
    let nadia = named("Nadia Example");
    let percent = named("100% Wool");
    let under = named("a_b");
    let back = named("c\\d");
    let email = Identity::claimed(Email::stored("zoe@shop.example.com".to_owned()));
    let mailed = Visitor {
        email: Some(email),
        ..a_visitor(&fixture.channel)
    };
    let called = Visitor {
        phone: Some(Identity::verified(Phone::stored("+12025550100".to_owned()))),
        ..a_visitor(&fixture.channel)
    };
    let retired = Visitor {
        retired_at: Some(Timestamp(5)),
        ..named("Nadia Gone")
    };
    let work = harness.begin().await;
    for visitor in [&nadia, &percent, &under, &back, &mailed, &called, &retired] {
        work.visitors().insert(visitor).await.unwrap();
    }
    work.commit().await.unwrap();

    let cases: [(&str, &[&Visitor]); 15] = [
        ("nadia", &[&nadia]),
        ("EXAMPLE", &[&nadia]),
        ("dia e", &[&nadia]),
        ("zoe@", &[&mailed]),
        ("ZOE@Shop", &[&mailed]),
        ("shop", &[]),
        ("+1202555", &[&called]),
        ("2025550100", &[]),
        ("%", &[&percent]),
        ("1%w", &[]),
        ("_", &[&under]),
        ("n_dia", &[]),
        ("\\", &[&back]),
        ("C\\D", &[&back]),
        ("'", &[]),
    ];
    for (query, found) in cases {
        let mut expected: Vec<VisitorId> = found.iter().map(|visitor| visitor.id).collect();
        expected.sort();
        let filter = VisitorFilter { query: Some(query.to_owned()) };
        let page = harness
            .read()
            .await
            .visitors()
            .list(fixture.workspace.id, &filter, None, Limit::MAX)
            .await
            .unwrap();
        let mut ids: Vec<VisitorId> = page.items.into_iter().map(|visitor| visitor.id).collect();
        ids.sort();
        assert_eq!(ids, expected, "{query}");
    }
}
