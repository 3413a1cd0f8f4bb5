//! Marketplaces: a customer and a seller, what they talk about, and offers that move on.

use super::conflicts::assert_conflict;
use super::jobs::{a_claim, claim, find, ids, insert};
use super::paging::{place, times, walk};
use super::{HARD, Harness, later, name};
use crate::Fixture;
use crate::build::{
    a_conversation, a_job, a_mark, a_marketplace_conversation, a_visitor, an_agent, an_expiry, an_id, an_item, by_agent, by_system, by_visitor, now, offer, say,
};
use parlor_domain::agent::{Agent, Role};
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ConversationKind, MessageKey, PartyId, Seller, Subject};
use parlor_domain::id::{AgentId, ConversationId, MessageId, VisitorId};
use parlor_domain::job::Job;
use parlor_domain::message::{Message, MessageKind};
use parlor_domain::page::{Cursor, Limit};
use parlor_domain::text::Email;
use parlor_domain::workspace::Workspace;
use serde_json::{Number, json};
use std::sync::Arc;

/// A fixture with a seller.
async fn with_seller(harness: &Harness) -> (Fixture, Agent) {
    let fixture = harness.fixture().await;
    let seller = an_agent(&fixture.workspace, Role::Seller);
    let work = harness.begin().await;
    work.agents().insert(&seller).await.unwrap();
    work.commit().await.unwrap();
    (fixture, seller)
}

/// The price that the conversation is about.
fn priced(conversation: &Conversation, price: Option<Number>) -> Conversation {
    Conversation {
        subject: conversation.subject.clone().map(|subject| Subject { price, ..subject }),
        version: conversation.version + 1,
        ..conversation.clone()
    }
}

/// Seller and subject come back, whichever way they were stored; the seller's address changes.
pub async fn a_marketplace_conversation_is_read_back(harness: &Harness) {
    let (fixture, seller) = with_seller(harness).await;
    let first = a_marketplace_conversation(&fixture.visitor, &seller);
    harness.insert(std::slice::from_ref(&first)).await;
    assert_eq!(harness.row(first.id).await, first);

    let mut second = Conversation {
        subject: Some(Subject {
            title: HARD.to_owned(),
            ..first.subject.clone().unwrap()
        }),
        version: first.version + 1,
        ..first.clone()
    };
    "moved@example.com".clone_into(&mut second.seller.as_mut().unwrap().email);
    harness.commit(&[an_item(first.version, &second, Vec::new())]).await;
    assert_eq!(harness.row(first.id).await, second);
    let read = harness.read().await;
    let name = second.client_ref.clone().unwrap();
    let found = read
        .conversations()
        .find_by_client_ref(second.workspace_id, ConversationKind::Marketplace, &name)
        .await
        .unwrap();
    assert_eq!(found, Some(second));
}

/// Prices are numbers of any size, kept to the last digit, whichever way they were stored.
pub async fn a_price_comes_back_as_it_was(harness: &Harness) {
    let (fixture, seller) = with_seller(harness).await;
    let whole: [Number; 4] = [0.into(), 18_500.into(), 12_345_678_901_234_567_890_u64.into(), u64::MAX.into()];
    let parts = [
        0.0,
        0.1,
        18_500.0,
        1e21,
        0.1 + 0.2,
        1_234.567_890_123_456_7,
        123_456_789.123_456_78,
        5e-324,
        f64::MAX,
    ];
    let prices = whole.into_iter().chain(parts.into_iter().filter_map(Number::from_f64));
    let mut row = a_marketplace_conversation(&fixture.visitor, &seller);
    harness.insert(std::slice::from_ref(&row)).await;
    for price in prices.map(Some).chain([None]) {
        let begun = priced(&a_marketplace_conversation(&fixture.visitor, &seller), price.clone());
        harness.insert(std::slice::from_ref(&begun)).await;
        assert_eq!(harness.row(begun.id).await, begun);
        let after = priced(&row, price);
        harness.commit(&[an_item(row.version, &after, Vec::new())]).await;
        row = harness.row(after.id).await;
        assert_eq!(row, after);
    }
}

/// A party's conversations, newest activity first.
pub async fn a_partys_conversations_are_paged_without_hole_or_double(harness: &Harness) {
    let (Fixture { visitor, .. }, seller) = with_seller(harness).await;
    let conversations: Vec<Conversation> = times()
        .map(|last_message_at| Conversation {
            last_message_at,
            last_seq: 1,
            ..a_marketplace_conversation(&visitor, &seller)
        })
        .collect();
    harness.insert(&conversations).await;
    let cursor_of = |conversation: &Conversation| place(conversation.last_message_at, conversation.id.0);
    let expected: Vec<Cursor> = conversations.iter().map(cursor_of).collect();
    let read = harness.read().await;
    for party in [PartyId::Customer(visitor.id), PartyId::Seller(seller.id)] {
        walk("conversations of a party", expected.clone(), true, cursor_of, async |after, limit| {
            read.conversations().list_of_party(visitor.workspace_id, party, after, limit).await
        })
        .await;
    }
}

/// A party's list has its marketplace conversations that somebody spoke in and nobody deleted, and nothing else.
pub async fn parties_see_only_what_is_theirs(harness: &Harness) {
    let (
        Fixture {
            workspace, channel, visitor, ..
        },
        seller,
    ) = with_seller(harness).await;
    let elsewhere = harness.fixture().await;
    let (other_customer, other_seller) = (a_visitor(&channel), an_agent(&workspace, Role::Seller));
    let work = harness.begin().await;
    work.visitors().insert(&other_customer).await.unwrap();
    work.agents().insert(&other_seller).await.unwrap();
    work.commit().await.unwrap();

    let spoken = |conversation| Conversation { last_seq: 1, ..conversation };
    let ours = spoken(a_marketplace_conversation(&visitor, &seller));
    let with_other_seller = spoken(a_marketplace_conversation(&visitor, &other_seller));
    let with_other_customer = spoken(a_marketplace_conversation(&other_customer, &seller));
    let handled_by_other = Conversation {
        handler: with_other_seller.handler,
        last_message_at: later(1),
        ..spoken(a_marketplace_conversation(&visitor, &seller))
    };
    let silent = a_marketplace_conversation(&visitor, &seller);
    let deleted = Conversation {
        deleted_at: Some(now()),
        ..spoken(a_marketplace_conversation(&visitor, &seller))
    };
    let of_another_kind = Conversation {
        handler: ours.handler,
        ..spoken(a_conversation(&visitor))
    };
    let strangers = spoken(a_marketplace_conversation(&elsewhere.visitor, &elsewhere.agent));
    let all = [
        &ours,
        &with_other_seller,
        &with_other_customer,
        &handled_by_other,
        &silent,
        &deleted,
        &of_another_kind,
        &strangers,
    ];
    harness.insert(&all.map(Clone::clone)).await;

    let read = harness.read().await;
    let (customer, sells) = (PartyId::Customer(visitor.id), PartyId::Seller(seller.id));
    for (workspace, party, expected) in [
        (workspace.id, customer, vec![&handled_by_other, &with_other_seller, &ours]),
        (workspace.id, sells, vec![&handled_by_other, &with_other_customer, &ours]),
        (workspace.id, PartyId::Customer(other_customer.id), vec![&with_other_customer]),
        (workspace.id, PartyId::Seller(other_seller.id), vec![&with_other_seller]),
        (elsewhere.workspace.id, PartyId::Seller(elsewhere.agent.id), vec![&strangers]),
        (elsewhere.workspace.id, customer, Vec::new()),
        (elsewhere.workspace.id, sells, Vec::new()),
        (workspace.id, PartyId::Customer(VisitorId(seller.id.0)), Vec::new()),
        (workspace.id, PartyId::Seller(AgentId(visitor.id.0)), Vec::new()),
    ] {
        let found = read.conversations().list_of_party(workspace, party, None, Limit::MAX).await.unwrap();
        assert_eq!(found.items.iter().collect::<Vec<_>>(), expected, "{party:?}");
        assert_eq!(found.next, None);
    }
}

/// An address finds its agent in its own workspace; a user name that looks like it does not.
pub async fn an_agent_is_found_by_its_address(harness: &Harness) {
    let (here, seller) = with_seller(harness).await;
    let there = harness.fixture().await;
    let wanted = Email::parse("Nadia@Example.COM").unwrap();
    let named = Agent {
        username: Some(name("nadia@example.com")),
        ..an_agent(&here.workspace, Role::Agent)
    };
    let deactivated = Agent {
        email: wanted.clone(),
        deactivated_at: Some(now()),
        ..an_agent(&there.workspace, Role::Seller)
    };
    let work = harness.begin().await;
    for agent in [&named, &deactivated] {
        work.agents().insert(agent).await.unwrap();
    }
    assert_eq!(work.agents().find_by_email(here.workspace.id, &wanted).await.unwrap(), None);
    work.commit().await.unwrap();
    let read = harness.read().await;
    for agent in [&deactivated, &named, &seller, &here.agent] {
        for workspace in [here.workspace.id, there.workspace.id] {
            let found = read.agents().find_by_email(workspace, &agent.email).await.unwrap();
            assert_eq!(found.as_ref(), Some(agent).filter(|agent| agent.workspace_id == workspace));
        }
    }
}

/// A seller whom a customer named by this address.
fn unclaimed(workspace: &Workspace, email: &Email) -> Agent {
    Agent {
        email: email.clone(),
        unclaimed: true,
        ..an_agent(workspace, Role::Seller)
    }
}

/// Who has claimed an address is the only one on the server; who has not is the only one in a workspace, and cannot log in.
pub async fn an_unclaimed_address_is_in_nobodys_way(harness: &Harness) {
    let [here, there, elsewhere] = [harness.fixture().await, harness.fixture().await, harness.fixture().await].map(|fixture| fixture.workspace);
    let email = Email::parse("nadia@example.com").unwrap();
    let work = harness.begin().await;
    let agents = work.agents();
    let [first, second] = [&here, &there].map(|workspace| unclaimed(workspace, &email));
    for seller in [&first, &second] {
        agents.insert(seller).await.unwrap();
    }
    assert_eq!(agents.find_by_login(email.as_str()).await.unwrap(), None);
    let named = Agent {
        username: Some(name("nadia")),
        ..first.clone()
    };
    agents.update(&named).await.unwrap();
    assert_eq!(agents.find_by_login("nadia").await.unwrap(), None);
    agents.update(&first).await.unwrap();

    let owner = Agent {
        unclaimed: false,
        ..unclaimed(&elsewhere, &email)
    };
    agents.insert(&owner).await.unwrap();
    for login in ["nadia@example.com", "Nadia@Example.COM"] {
        assert_eq!(agents.find_by_login(login).await.unwrap().as_ref(), Some(&owner), "{login}");
    }
    for agent in [&first, &second, &owner] {
        assert_eq!(agents.find_by_email(agent.workspace_id, &email).await.unwrap().as_ref(), Some(agent));
    }

    let claim = |agent: &Agent| Agent {
        unclaimed: false,
        ..agent.clone()
    };
    let shouted = Email::stored("Nadia@Example.com".to_owned());
    for taking in [unclaimed(&here, &email), unclaimed(&elsewhere, &shouted), claim(&unclaimed(&here, &email))] {
        assert_conflict(agents.insert(&taking).await);
        let other = an_agent(if taking.workspace_id == here.id { &here } else { &elsewhere }, Role::Seller);
        agents.insert(&other).await.unwrap();
        assert_conflict(agents.update(&Agent { id: other.id, ..taking }).await);
    }
    assert_conflict(agents.update(&claim(&first)).await);
    assert_eq!(agents.find_any(first.id).await.unwrap().as_ref(), Some(&first));

    // Once the address is free, one of them gets it.
    let gone = Agent {
        email: Email::stored("moved@example.com".to_owned()),
        ..owner.clone()
    };
    agents.update(&gone).await.unwrap();
    agents.update(&claim(&first)).await.unwrap();
    assert_conflict(agents.update(&claim(&second)).await);
    assert_conflict(agents.update(&owner).await);
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.agents().find_by_login(email.as_str()).await.unwrap(), Some(claim(&first)));
    for agent in [&claim(&first), &second, &gone] {
        assert_eq!(read.agents().find_any(agent.id).await.unwrap().as_ref(), Some(agent));
    }
}

/// An unclaimed seller may be removed, one that was claimed may not; of both at once, one happens.
pub async fn an_unclaimed_seller_is_claimed_or_removed(harness: &Harness) {
    let (Fixture { workspace, .. }, claimed) = with_seller(harness).await;
    let email = Email::parse("nadia@example.com").unwrap();
    let seller = unclaimed(&workspace, &email);
    let work = harness.begin().await;
    work.agents().insert(&seller).await.unwrap();
    for (id, removed) in [(claimed.id, false), (AgentId(an_id()), false), (seller.id, true), (seller.id, false)] {
        assert_eq!(work.agents().delete_unclaimed(id).await.unwrap(), removed);
    }
    work.agents().insert(&unclaimed(&workspace, &email)).await.unwrap();
    work.commit().await.unwrap();
    let read = harness.read().await;
    assert_eq!(read.agents().find_any(claimed.id).await.unwrap(), Some(claimed));
    assert_eq!(read.agents().find_any(seller.id).await.unwrap(), None);

    for _ in 0..8 {
        let seller = Agent {
            unclaimed: true,
            ..an_agent(&workspace, Role::Seller)
        };
        let work = harness.begin().await;
        work.agents().insert(&seller).await.unwrap();
        work.commit().await.unwrap();
        let claim = async {
            let work = harness.begin().await;
            let found = work.agents().find_for_update(workspace.id, seller.id).await.unwrap();
            if let Some(found) = &found {
                tokio::task::yield_now().await;
                let mine = Agent {
                    unclaimed: false,
                    ..found.clone()
                };
                work.agents().update(&mine).await.unwrap();
            }
            work.commit().await.unwrap();
            found.is_some()
        };
        let remove = async {
            let work = harness.begin().await;
            let removed = work.agents().delete_unclaimed(seller.id).await.unwrap();
            work.commit().await.unwrap();
            removed
        };
        let (claimed, removed) = tokio::join!(claim, remove);
        assert_ne!(claimed, removed);
        assert_eq!(harness.read().await.agents().find_any(seller.id).await.unwrap().is_some(), claimed);
    }
}

/// All that one sells is another's, deleted and empty ones included; who decided before that decides anew.
pub async fn what_one_sells_moves_to_another_seller(harness: &Harness) {
    let (Fixture { workspace, visitor, .. }, from) = with_seller(harness).await;
    let there = harness.fixture().await;
    let (heir, bystander) = (an_agent(&workspace, Role::Seller), an_agent(&workspace, Role::Seller));
    let work = harness.begin().await;
    for agent in [&heir, &bystander] {
        work.agents().insert(agent).await.unwrap();
    }
    work.commit().await.unwrap();
    let spoken = Conversation {
        last_seq: 1,
        ..a_marketplace_conversation(&visitor, &from)
    };
    let deleted = Conversation {
        deleted_at: Some(now()),
        last_seq: 1,
        ..a_marketplace_conversation(&visitor, &from)
    };
    let theirs = [spoken.clone(), deleted, a_marketplace_conversation(&visitor, &from)];
    let others = [
        a_marketplace_conversation(&visitor, &bystander),
        a_marketplace_conversation(&visitor, &heir),
        Conversation {
            handler: spoken.handler,
            ..a_conversation(&visitor)
        },
        a_marketplace_conversation(&there.visitor, &there.agent),
    ];
    harness.insert(&theirs).await;
    harness.insert(&others).await;

    let to = Seller {
        id: heir.id,
        email: heir.email.as_str().to_owned(),
    };
    let work = harness.begin().await;
    assert_eq!(work.conversations().move_to_seller(workspace.id, there.agent.id, &to).await.unwrap(), []);
    assert_eq!(work.conversations().move_to_seller(there.workspace.id, from.id, &to).await.unwrap(), []);
    let mut moved = work.conversations().move_to_seller(workspace.id, from.id, &to).await.unwrap();
    work.commit().await.unwrap();
    moved.sort();
    let mut expected: Vec<ConversationId> = theirs.iter().map(|conversation| conversation.id).collect();
    expected.sort();
    assert_eq!(moved, expected);
    for before in &theirs {
        let row = harness.row(before.id).await;
        assert!(row.version > before.version);
        let after = Conversation {
            seller: Some(to.clone()),
            version: row.version,
            ..before.clone()
        };
        assert_eq!(row, after);
    }
    for other in &others {
        assert_eq!(harness.row(other.id).await, *other);
    }
    let read = harness.read().await;
    for (seller, expected) in [(from.id, Vec::new()), (heir.id, vec![spoken.id])] {
        let party = PartyId::Seller(seller);
        let found = read.conversations().list_of_party(workspace.id, party, None, Limit::MAX).await.unwrap();
        assert_eq!(found.items.iter().map(|row| row.id).collect::<Vec<_>>(), expected);
    }
    let late = an_item(spoken.version, &priced(&spoken, None), Vec::new());
    assert_eq!(harness.conversations.commit(&[late]).await.unwrap(), [CommitOutcome::Stale]);
}

/// An offer that ends later does not hold up one that ends earlier, nor an answer; answers still wait for one another.
pub async fn offers_end_in_any_order(harness: &Harness) {
    let (fixture, seller) = with_seller(harness).await;
    let mut row = a_marketplace_conversation(&fixture.visitor, &seller);
    let mut ending = |run_at| {
        let sender = by_visitor(&row);
        Job {
            run_at,
            ..an_expiry(&offer(&mut row, sender, 1))
        }
    };
    let [late, early, dead, soon] = [later(7), now(), now(), later(1)].map(&mut ending);
    let dead = Job { dead_at: Some(now()), ..dead };
    let waits = Job {
        run_at: later(7),
        ..a_job(&row)
    };
    let held_up = a_job(&row);
    insert(harness, &[&late, &early, &dead, &soon, &waits, &held_up].map(Clone::clone)).await;
    let mine = a_claim(later(60));
    assert!(harness.read().await.jobs().any_due(now()).await.unwrap());
    assert_eq!(claim(harness, now(), mine).await, [early.id]);
    assert!(!harness.read().await.jobs().any_due(now()).await.unwrap());
    assert_eq!(claim(harness, later(1), mine).await, [soon.id]);
    assert_eq!(claim(harness, later(7), mine).await, ids([&late, &waits]));
    assert_eq!(claim(harness, later(8), mine).await, []);

    // One that fails is tried again, however many wait.
    let jobs = harness.read().await;
    jobs.jobs().give_back(late.id, mine.by, later(9), "no", None).await.unwrap();
    jobs.jobs().delete(waits.id).await.unwrap();
    assert_eq!(claim(harness, later(8), mine).await, [held_up.id]);
    assert_eq!(claim(harness, later(9), mine).await, [late.id]);
    let kept = find(harness, &late).await.unwrap();
    assert_eq!((kept.kind, kept.attempts), (late.kind, 1));
}

/// A conversation in which the customer made an offer.
async fn offered(harness: &Harness, fixture: &Fixture, seller: &Agent) -> (Conversation, Message) {
    let mut row = a_marketplace_conversation(&fixture.visitor, seller);
    harness.insert(std::slice::from_ref(&row)).await;
    let (base, sender) = (row.version, by_visitor(&row));
    let made = offer(&mut row, sender, 17_000);
    harness
        .commit(&[CommitItem {
            jobs: vec![an_expiry(&made)],
            ..an_item(base, &row, vec![made.clone()])
        }])
        .await;
    (row, made)
}

/// The seller's counter-offer: the offer moves, and a line and the new offer are behind it.
fn countered(row: &Conversation, made: &Message, seller: &Agent) -> CommitItem {
    let mut after = row.clone();
    after.rev += 1;
    after.staff_rev += 1;
    let moved = Message {
        payload: Some(json!({"offerPrice": 17_000, "status": "countered", "note": HARD})),
        rev: Some(after.rev),
        staff_rev: after.staff_rev,
        ..made.clone()
    };
    let line = Message {
        kind: MessageKind::System,
        reply_to: Some(made.id),
        metadata: Some(json!({"action": "countered"})),
        ..say(&mut after, by_system(), "Ada answered the offer with a counter-offer.")
    };
    let counter = Message {
        reply_to: Some(made.id),
        ..offer(&mut after, by_agent(seller), Number::from_f64(17_900.5).unwrap())
    };
    CommitItem {
        updated: vec![Arc::new(moved)],
        agent_marks: vec![a_mark(row, seller, after.last_seq, after.inbound_count)],
        jobs: vec![an_expiry(&counter)],
        finished_jobs: ids([&an_expiry(made)]),
        ..an_item(row.version, &after, vec![line, counter])
    }
}

async fn must_be_as_before(harness: &Harness, row: &Conversation, made: &Message, item: &CommitItem) {
    assert_eq!(harness.row(row.id).await, *row);
    assert_eq!(harness.messages(row.id).await, std::slice::from_ref(made));
    assert_eq!(find(harness, &an_expiry(made)).await, Some(an_expiry(made)));
    assert_eq!(find(harness, &item.jobs[0]).await, None);
    let mark = harness.read().await.agent_marks().find(row.id, item.agent_marks[0].agent_id).await.unwrap();
    assert_eq!(mark.seq, 0);
}

async fn must_be_moved(harness: &Harness, item: &CommitItem) {
    let id = item.conversation.id;
    assert_eq!(harness.row(id).await, item.conversation);
    let expected: Vec<Message> = item.updated.iter().chain(&item.inserted).map(|message| Message::clone(message)).collect();
    assert_eq!(harness.messages(id).await, expected);
    for message in &expected {
        let key = MessageKey::Id(id, message.id);
        let found = harness.conversations.load_messages(std::slice::from_ref(&key)).await.unwrap();
        assert_eq!(found, [(key, message.clone())]);
    }
    assert_eq!(find(harness, &item.jobs[0]).await.as_ref(), item.jobs.first());
    let ended = Job {
        id: item.finished_jobs[0],
        ..item.jobs[0].clone()
    };
    assert_eq!(find(harness, &ended).await, None);
    let mark = item.agent_marks[0];
    assert_eq!(harness.read().await.agent_marks().find(id, mark.agent_id).await.unwrap(), mark.mark);
}

/// A changed message, two new ones and the work that begins and ends are one: all of it, or nothing.
pub async fn a_move_is_stored_whole_or_not_at_all(harness: &Harness) {
    let (fixture, seller) = with_seller(harness).await;
    let (row, made) = offered(harness, &fixture, &seller).await;
    let item = countered(&row, &made, &seller);

    let stale = CommitItem {
        base_version: row.version - 1,
        ..item.clone()
    };
    assert_eq!(harness.conversations.commit(&[stale]).await.unwrap(), [CommitOutcome::Stale]);
    must_be_as_before(harness, &row, &made, &item).await;

    let mut clashing = item.clone();
    let second = Message {
        id: made.id,
        ..(*clashing.inserted[1]).clone()
    };
    clashing.inserted[1] = Arc::new(second);
    harness.conversations.commit(&[clashing]).await.unwrap_err();
    must_be_as_before(harness, &row, &made, &item).await;

    let same_work = CommitItem {
        jobs: vec![item.jobs[0].clone(), an_expiry(&made)],
        finished_jobs: Vec::new(),
        ..item.clone()
    };
    harness.conversations.commit(&[same_work]).await.unwrap_err();
    must_be_as_before(harness, &row, &made, &item).await;

    harness.commit(std::slice::from_ref(&item)).await;
    must_be_moved(harness, &item).await;
    // Of two moves that were decided on the same row the first wins.
    let late = CommitItem {
        inserted: [(); 2]
            .map(|()| {
                Arc::new(Message {
                    id: MessageId(an_id()),
                    ..made.clone()
                })
            })
            .to_vec(),
        ..item.clone()
    };
    assert_eq!(harness.conversations.commit(&[late]).await.unwrap(), [CommitOutcome::Stale]);
    must_be_moved(harness, &item).await;
}

/// Many moves at once are stored as they are.
pub async fn a_full_batch_of_moves_is_stored(harness: &Harness) {
    let (fixture, seller) = with_seller(harness).await;
    let mut items = Vec::new();
    for _ in 0..70 {
        let (row, made) = offered(harness, &fixture, &seller).await;
        items.push(countered(&row, &made, &seller));
    }
    harness.commit(&items).await;
    for item in &items {
        must_be_moved(harness, item).await;
    }
}
