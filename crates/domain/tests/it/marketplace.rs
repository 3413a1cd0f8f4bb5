//! Customers and sellers: what a client saves, who sees it, and who is whom.

use crate::support::{Node, World, claims, send};
use parlor_domain::agent::{Agent, AgentError, Bearer, NewAgent, Role, SellerError, SellerService};
use parlor_domain::conversation::{
    BeginConversation, BeginError, CommandError, Conversation, ConversationKind, ConversationRef, MessageRef, Party, ReadError, Save, SaveError, Saved,
    SavedMessage, Seller, SendMessage, Starter, Subject, SubjectEdit,
};
use parlor_domain::creation::CreationKey;
use parlor_domain::id::Ids;
use parlor_domain::message::{Move, Proposal, ProposalStatus, Side};
use parlor_domain::page::Limit;
use parlor_domain::security::HostClaims;
use parlor_domain::store::Store;
use parlor_domain::text::{ClientId, Email, Line, MessageText, Metadata, Name};
use parlor_domain::visitor::{EditVisitor, Visitor};
use parlor_testkit::PlainHostTokens;
use serde_json::json;
use std::sync::Arc;

struct Market {
    world: World,
    node: Node,
    sellers: SellerService,
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn vouched(subject: &str, address: &str) -> HostClaims {
    HostClaims {
        email: Some(address.to_owned()),
        ..claims(subject)
    }
}

impl Market {
    async fn new() -> Self {
        let world = World::new().await;
        let node = world.node();
        let store: Arc<dyn Store> = Arc::new(world.store.clone());
        let ids: Arc<dyn Ids> = Arc::new(crate::support::SharedIds);
        let sellers = SellerService::new(store, node.bus.clone(), world.clock.clone(), ids, node.writer.clone());
        Self { world, node, sellers }
    }

    async fn customer(&self, address: &str) -> Party {
        let visitor = self
            .node
            .visitors
            .of_claims(&self.world.fixture.channel, &vouched(address, address))
            .await
            .unwrap();
        Party::Customer(visitor, email(address))
    }

    async fn seller(&self, address: &str) -> Party {
        let workspace = self.world.fixture.workspace.id;
        let caller = self.sellers.of_claims(workspace, &vouched(&format!("s-{address}"), address)).await.unwrap();
        Party::Seller(caller.actor(), email(address))
    }

    async fn save(&self, party: &Party, save: Save) -> Result<Saved, SaveError> {
        let channel = &self.world.fixture.channel;
        self.node.conversations.marketplace_save(&self.sellers, party, channel, save).await
    }

    async fn message(&self, conversation: &Conversation, number: &str, side: Side) -> parlor_domain::message::Message {
        let named = MessageRef::ClientId(ClientId::parse(number).unwrap());
        self.node.conversations.marketplace_message(conversation, &named, side).await.unwrap()
    }
}

fn body(messages: Vec<SavedMessage>) -> Save {
    Save {
        reference: Some(ConversationRef::parse("conv_123").unwrap()),
        seller: Some(email("mia@example.com")),
        subject: Some(Subject {
            kind: "vehicle".to_owned(),
            external_id: Some("17".to_owned()),
            title: "Blue car".to_owned(),
            price: Some(18_500.into()),
        }),
        subject_edit: SubjectEdit::default(),
        messages,
        read: false,
        flag: None,
        customer_name: None,
        once: None,
    }
}

fn said(number: &str, side: Side, text: &str) -> SavedMessage {
    SavedMessage {
        reference: MessageRef::ClientId(ClientId::parse(number).unwrap()),
        side: Some(side),
        text: MessageText::parse(text),
        proposal: None,
        sent_at: None,
    }
}

fn offered(number: &str, side: Side, status: &str) -> SavedMessage {
    let payload = Metadata::parse(json!({"offerPrice": 18_000, "status": status})).unwrap();
    SavedMessage {
        proposal: Some(Proposal::offer(Some(payload)).unwrap()),
        ..said(number, side, "Offer: 18000")
    }
}

fn texts(saved: &Saved) -> Vec<&str> {
    saved.conversation.messages.iter().map(|message| message.text.as_str()).collect()
}

const CUSTOMER: Side = Side::Visitor;
const SELLER: Side = Side::Agent;

#[tokio::test]
async fn saving_the_whole_conversation_again_stores_nothing_twice() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let first = market
        .save(&nadia, body(vec![said("1", CUSTOMER, "Hello"), said("2", CUSTOMER, "Is it there?")]))
        .await
        .unwrap();
    assert!(first.made);
    assert_eq!(texts(&first), ["Hello", "Is it there?"]);
    for (messages, ignored) in [
        (
            vec![said("1", CUSTOMER, "Hello"), said("2", CUSTOMER, "Is it there?"), said("3", CUSTOMER, "Well?")],
            0,
        ),
        (vec![said("3", CUSTOMER, "Well?"), said("1", CUSTOMER, "in other words")], 1),
    ] {
        let again = market.save(&nadia, body(messages)).await.unwrap();
        assert!(!again.made);
        assert_eq!(texts(&again), ["Hello", "Is it there?", "Well?"]);
        assert_eq!(again.ignored, ignored, "a number that was given twice is told");
    }
}

#[tokio::test]
async fn what_the_other_side_is_said_to_have_said_is_never_stored() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let system = SavedMessage {
        side: None,
        ..said("3", SELLER, "The seller agreed")
    };
    let saved = market
        .save(&nadia, body(vec![said("1", CUSTOMER, "Hello"), said("2", SELLER, "You get it for 1"), system]))
        .await
        .unwrap();
    assert_eq!((texts(&saved), saved.ignored), (vec!["Hello"], 2));
    let mia = market.seller("mia@example.com").await;
    let saved = market
        .save(&mia, body(vec![said("1", CUSTOMER, "Hello"), said("2", SELLER, "Yes, it is")]))
        .await
        .unwrap();
    assert_eq!((texts(&saved), saved.ignored), (vec!["Hello", "Yes, it is"], 0));
    // What each side wrote, the other knows by number, and by place if it was made elsewhere.
    let by_place = SavedMessage {
        reference: MessageRef::Place(2),
        ..said("9", SELLER, "Yes, it is")
    };
    let saved = market.save(&nadia, body(vec![said("2", SELLER, "Yes, it is"), by_place])).await.unwrap();
    assert_eq!((texts(&saved).len(), saved.ignored), (2, 0));
}

#[tokio::test]
async fn the_same_number_of_both_sides_is_two_messages() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    market.save(&nadia, body(vec![said("7", CUSTOMER, "Hello")])).await.unwrap();
    let mia = market.seller("mia@example.com").await;
    let saved = market
        .save(&mia, body(vec![said("7", CUSTOMER, "Hello"), said("7", SELLER, "Hi")]))
        .await
        .unwrap();
    assert_eq!(texts(&saved), ["Hello", "Hi"]);
    let conversation = saved.conversation.conversation;
    assert_eq!(market.message(&conversation, "7", CUSTOMER).await.text, "Hello");
    assert_eq!(market.message(&conversation, "7", SELLER).await.text, "Hi");
}

#[tokio::test]
async fn a_saved_status_of_the_other_sides_offer_is_a_move_and_of_the_own_one_only_its_withdrawal() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let mia = market.seller("mia@example.com").await;
    let saved = market
        .save(
            &nadia,
            body(vec![
                offered("1", CUSTOMER, "accepted"),
                offered("2", CUSTOMER, "pending"),
                offered("3", CUSTOMER, "withdrawn"),
            ]),
        )
        .await
        .unwrap();
    let conversation = saved.conversation.conversation.clone();
    let status = async |number| market.message(&conversation, number, CUSTOMER).await.proposal_status();
    assert_eq!(status("1").await, Some(ProposalStatus::Pending), "nobody accepts the own offer by saying so");
    assert_eq!(status("3").await, Some(ProposalStatus::Withdrawn));
    market
        .save(&nadia, body(vec![offered("1", CUSTOMER, "accepted"), offered("2", CUSTOMER, "withdrawn")]))
        .await
        .unwrap();
    assert_eq!(
        (status("1").await, status("2").await),
        (Some(ProposalStatus::Pending), Some(ProposalStatus::Withdrawn))
    );
    for word in ["negotiating", "expired", "pending"] {
        market.save(&mia, body(vec![offered("1", CUSTOMER, word)])).await.unwrap();
        assert_eq!(status("1").await, Some(ProposalStatus::Pending), "{word} moves nothing");
    }
    for _ in 0..2 {
        market.save(&mia, body(vec![offered("1", CUSTOMER, "accepted")])).await.unwrap();
        assert_eq!(status("1").await, Some(ProposalStatus::Accepted));
    }
    let late = market
        .save(&mia, body(vec![offered("1", CUSTOMER, "declined"), said("9", SELLER, "Sorry")]))
        .await;
    assert!(matches!(late, Err(SaveError::Command(CommandError::Conflict(_)))), "{late:?}");
    assert_eq!(market.message(&conversation, "9", SELLER).await.text, "Sorry", "what else was saved is there");
}

#[tokio::test]
async fn the_own_read_flag_moves_the_own_mark_to_the_newest_message_of_the_body() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let mia = market.seller("mia@example.com").await;
    let saved = market
        .save(&nadia, body((1..=3).map(|number| said(&number.to_string(), CUSTOMER, "Hello")).collect()))
        .await
        .unwrap();
    assert_eq!(saved.conversation.conversation.unread_by_team(), 3);
    let read = Save {
        read: true,
        ..body(vec![said("1", CUSTOMER, "Hello"), said("2", CUSTOMER, "Hello")])
    };
    let saved = market.save(&mia, read).await.unwrap();
    assert_eq!(saved.conversation.conversation.unread_by_team(), 1, "the third was not in what it had");
}

#[tokio::test]
async fn a_flag_and_another_price_are_saved_and_owners_are_not() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    market.save(&nadia, body(vec![said("1", CUSTOMER, "Hello")])).await.unwrap();
    let more = Save {
        seller: Some(email("other@example.com")),
        flag: Some(Some(Line::parse("rude").unwrap())),
        subject_edit: SubjectEdit {
            first: None,
            title: None,
            price: Some(17_000.into()),
        },
        ..body(Vec::new())
    };
    let conversation = market.save(&nadia, more).await.unwrap().conversation.conversation;
    assert_eq!(conversation.flag.unwrap().reason.as_deref(), Some("rude"));
    assert_eq!(conversation.subject.unwrap().price, Some(17_000.into()));
    assert_eq!(conversation.seller.unwrap().email, "mia@example.com");
}

#[tokio::test]
async fn an_id_of_other_people_is_taken_and_their_conversation_not_found() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    market.save(&nadia, body(vec![said("1", CUSTOMER, "Hello")])).await.unwrap();
    let named = ConversationRef::parse("conv_123").unwrap();
    let strangers = [market.customer("other@example.com").await, market.seller("ben@example.com").await];
    for stranger in &strangers {
        assert!(matches!(market.save(stranger, body(Vec::new())).await, Err(SaveError::IdTaken)));
        assert!(matches!(
            market.node.conversations.marketplace_find(stranger, &named).await,
            Err(ReadError::NotFound)
        ));
        let listed = market.node.conversations.marketplace_list(stranger, None, Limit::MAX).await.unwrap();
        assert!(listed.items.is_empty());
    }
    let mia = market.seller("mia@example.com").await;
    let begins = Save {
        reference: Some(ConversationRef::parse("conv_of_mia").unwrap()),
        ..body(vec![said("1", SELLER, "Hello")])
    };
    assert!(matches!(market.save(&mia, begins).await, Err(SaveError::CustomerBegins)));
    // Gone is gone for both, and its id stays theirs.
    let found = market.node.conversations.marketplace_find(&mia, &named).await.unwrap();
    market.node.conversations.delete(mia.actor(), found.id).await.unwrap();
    for party in [&nadia, &mia] {
        assert!(matches!(
            market.save(party, body(Vec::new())).await,
            Err(SaveError::Command(CommandError::ConversationNotFound))
        ));
    }
    assert!(matches!(market.save(&strangers[0], body(Vec::new())).await, Err(SaveError::IdTaken)));
}

#[tokio::test]
async fn saves_of_two_devices_at_the_same_moment_make_one_conversation() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let saves = (1..=8).map(|device| {
        let own = said(&format!("{device}0"), CUSTOMER, "from one device");
        market.save(&nadia, body(vec![said("1", CUSTOMER, "Hello"), own]))
    });
    let done = futures_util::future::join_all(saves).await;
    assert_eq!(done.iter().filter(|saved| saved.as_ref().unwrap().made).count(), 1);
    let listed = market.node.conversations.marketplace_list(&nadia, None, Limit::MAX).await.unwrap();
    assert_eq!(listed.items.iter().map(|one| one.messages.len()).collect::<Vec<_>>(), [9]);
}

#[tokio::test]
async fn of_fifty_accepts_at_the_same_moment_one_wins() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let mia = market.seller("mia@example.com").await;
    let saved = market.save(&nadia, body(vec![offered("1", CUSTOMER, "pending")])).await.unwrap();
    let conversation = saved.conversation.conversation.id;
    let offer = saved.conversation.messages[0].id;
    // Two nodes decide on what each remembers.
    let nodes = [market.world.node(), market.world.node()];
    let accepts = (0..50).map(|number: usize| nodes[number % 2].conversations.move_proposal(mia.actor(), conversation, offer, Move::Accept));
    let done = futures_util::future::join_all(accepts).await;
    assert_eq!(done.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(done.iter().all(|answer| matches!(answer, Ok(_) | Err(CommandError::Conflict(_)))));
    let lines = market.world.messages(conversation).await;
    assert_eq!(lines.len(), 2, "the offer and one line");
}

#[tokio::test]
async fn an_offer_runs_out_by_its_job_and_only_once() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let saved = market.save(&nadia, body(vec![offered("1", CUSTOMER, "pending")])).await.unwrap();
    let (conversation, offer) = (saved.conversation.conversation, saved.conversation.messages[0].clone());
    let job = async || {
        let read = market.world.store.read().await.unwrap();
        read.jobs().find(conversation.workspace_id, parlor_domain::id::JobId(offer.id.0)).await.unwrap()
    };
    let due = job().await.unwrap();
    assert_eq!(Some(due.run_at), offer.offer_ends_at());
    market.world.clock.set(due.run_at);
    market.node.conversations.expire_offer(&due).await.unwrap();
    assert_eq!(
        market.message(&conversation, "1", CUSTOMER).await.proposal_status(),
        Some(ProposalStatus::Expired)
    );
    assert_eq!(job().await, None, "it is done with the commit");
    market.node.conversations.expire_offer(&due).await.unwrap();
    assert_eq!(market.world.messages(conversation.id).await.len(), 2);
}

#[tokio::test]
async fn messages_by_other_doors_are_in_it_and_keep_their_order() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let saved = market.save(&nadia, body(vec![said("1", CUSTOMER, "Hello")])).await.unwrap();
    let id = saved.conversation.conversation.id;
    market.node.run(id, market.world.agent(), send("An agent helps out")).await.unwrap();
    let late = SendMessage {
        sent_at: Some(saved.conversation.conversation.created_at.minus(std::time::Duration::from_secs(60))),
        client_id: Some(ClientId::parse("0").unwrap()),
        ..SendMessage::text(MessageText::parse("Written before").unwrap())
    };
    let late = market.node.conversations.send_message(nadia.actor(), id, late).await.unwrap().message;
    assert_eq!((late.seq, late.sent_at.is_some()), (3, true), "order is that of arrival");
    let saved = market.save(&nadia, body(Vec::new())).await.unwrap();
    assert_eq!(texts(&saved), ["Hello", "An agent helps out", "Written before"]);
}

#[tokio::test]
async fn a_seller_is_made_at_first_sight_and_an_unclaimed_one_claimed_by_address() {
    let market = Market::new().await;
    let workspace = market.world.fixture.workspace.id;
    let nadia = market.customer("nadia@example.com").await;
    let saved = market.save(&nadia, body(vec![said("1", CUSTOMER, "Hello")])).await.unwrap();
    let unclaimed = saved.conversation.conversation.seller.unwrap();
    let token = HostClaims {
        name: Some("Mia".to_owned()),
        ..vouched("u-17", "Mia@Example.com")
    };
    let mia = market.sellers.of_claims(workspace, &token).await.unwrap();
    assert_eq!((mia.id, mia.role, mia.name.as_str()), (unclaimed.id, Role::Seller, "Mia"));
    assert_eq!(market.sellers.of_claims(workspace, &token).await.unwrap().id, mia.id, "the same person again");
    let other = market.sellers.of_claims(workspace, &vouched("u-18", "mia@example.com")).await;
    assert!(matches!(other, Err(SellerError::EmailTaken)), "another sub does not get the address");
    let new = market.sellers.of_claims(workspace, &vouched("u-19", "new@example.com")).await.unwrap();
    assert_eq!((new.role, new.email.as_ref().map(Email::as_str)), (Role::Seller, Some("new@example.com")));
}

#[tokio::test]
async fn an_address_that_a_customer_named_is_free_for_whom_an_admin_makes() {
    let market = Market::new().await;
    let workspace = market.world.fixture.workspace.id;
    let named = market.sellers.by_email(workspace, &email("mia@example.com")).await.unwrap();
    let new = || NewAgent {
        email: email("mia@example.com"),
        name: Name::parse("Mia").unwrap(),
        role: Role::Agent,
        username: None,
        external_id: None,
        password: Some(crate::support::password(crate::support::PASSWORD)),
    };
    let mia = market.node.agents.create(workspace, None, new()).await.unwrap();
    assert_eq!((mia.id, mia.role), (named.id, Role::Agent));
    assert!(
        matches!(market.node.agents.create(workspace, None, new()).await, Err(AgentError::Taken)),
        "once"
    );
}

#[tokio::test]
async fn no_token_of_a_seller_makes_staff_of_anybody() {
    let market = Market::new().await;
    let workspace = market.world.fixture.workspace.id;
    for role in [Role::Agent, Role::Admin, Role::Owner] {
        let agent: Agent = market.world.another_agent(role, |_| {}).await;
        let claimed = market.sellers.of_claims(workspace, &vouched("u-17", agent.email.as_str())).await;
        assert!(matches!(claimed, Err(SellerError::EmailTaken)));
    }
    let gone = market
        .world
        .another_agent(Role::Seller, |agent| agent.deactivated_at = Some(agent.created_at))
        .await;
    let claimed = market.sellers.of_claims(workspace, &vouched("u-17", gone.email.as_str())).await;
    assert!(matches!(claimed, Err(SellerError::Deactivated)));
    assert!(matches!(market.sellers.by_email(workspace, &gone.email).await, Err(SellerError::Deactivated)));
    let unproven = HostClaims {
        email_verified: false,
        ..vouched("u-17", "new@example.com")
    };
    for claims in [unproven, claims("u-17"), vouched("u-17", "no address")] {
        assert!(matches!(market.sellers.of_claims(workspace, &claims).await, Err(SellerError::NoEmail)));
    }
}

#[tokio::test]
async fn the_same_seller_in_many_requests_at_once_is_made_once() {
    let market = Market::new().await;
    let workspace = market.world.fixture.workspace.id;
    let address = email("mia@example.com");
    let named = (0..8).map(|_| market.sellers.by_email(workspace, &address));
    let named: Vec<Seller> = futures_util::future::join_all(named).await.into_iter().map(Result::unwrap).collect();
    assert!(named.iter().all(|seller| *seller == named[0]));
    let token = vouched("u-17", "mia@example.com");
    let seen = (0..8).map(|_| market.sellers.of_claims(workspace, &token));
    for caller in futures_util::future::join_all(seen).await {
        assert_eq!(caller.unwrap().id, named[0].id);
    }
}

#[tokio::test]
async fn a_customers_new_address_is_the_one_that_the_host_site_vouches_for() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let id = market
        .save(&nadia, body(vec![said("1", CUSTOMER, "Hello")]))
        .await
        .unwrap()
        .conversation
        .conversation
        .id;
    market.world.clock.advance(std::time::Duration::from_secs(61));
    let channel = &market.world.fixture.channel;
    let unproven = HostClaims {
        email_verified: false,
        ..vouched("nadia@example.com", "thief@example.com")
    };
    for (token, address) in [
        (unproven, "nadia@example.com"),
        (vouched("nadia@example.com", "new@example.com"), "new@example.com"),
    ] {
        let visitor: Arc<Visitor> = market.node.visitors.of_claims(channel, &token).await.unwrap();
        assert_eq!(
            visitor.email.as_ref().map(|email| (email.value.as_str(), email.verified)),
            Some((address, true))
        );
        assert_eq!(market.world.row(id).await.customer_email.as_deref(), Some(address));
    }
}

#[tokio::test]
async fn what_the_body_says_fills_what_nobody_else_said() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let bare = || Save {
        subject: None,
        customer_name: Some(Name::parse("Nadia").unwrap()),
        ..body(vec![said("1", CUSTOMER, "Hello")])
    };
    let conversation = market.save(&nadia, bare()).await.unwrap().conversation.conversation;
    assert_eq!((conversation.customer_name.as_deref(), &conversation.subject), (Some("Nadia"), &None));
    let listing = body(Vec::new()).subject;
    let told = Save {
        subject_edit: SubjectEdit {
            first: listing.clone(),
            ..SubjectEdit::default()
        },
        customer_name: Some(Name::parse("Somebody else").unwrap()),
        ..bare()
    };
    let conversation = market.save(&nadia, told).await.unwrap().conversation.conversation;
    assert_eq!((conversation.customer_name.as_deref(), conversation.subject), (Some("Nadia"), listing));
}

#[tokio::test]
async fn one_without_an_id_begins_once_for_each_key() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let nameless = |once| Save {
        reference: None,
        once,
        ..body(vec![said("1", CUSTOMER, "Hello")])
    };
    let key = Some(CreationKey::new("marketplace", "nadia", "k-1", b"body"));
    let first = market.save(&nadia, nameless(key)).await.unwrap();
    let again = market.save(&nadia, nameless(key)).await.unwrap();
    assert_eq!((first.made, again.made), (true, false));
    assert_eq!(again.conversation.conversation.id, first.conversation.conversation.id);
    assert_eq!(texts(&again), ["Hello"]);
    assert!(market.save(&nadia, nameless(None)).await.unwrap().made);
    // It is called by our id then.
    let named = ConversationRef::parse(&first.conversation.conversation.id.to_string()).unwrap();
    assert!(market.node.conversations.marketplace_find(&nadia, &named).await.is_ok());
}

#[tokio::test]
async fn a_seller_keeps_what_it_sells_when_the_host_site_says_another_address() {
    let market = Market::new().await;
    let workspace = market.world.fixture.workspace.id;
    let nadia = market.customer("nadia@example.com").await;
    let mia = market.sellers.of_claims(workspace, &vouched("u-17", "mia@example.com")).await.unwrap();
    let old = market.save(&nadia, body(vec![said("1", CUSTOMER, "Hello")])).await.unwrap();
    // Customers know the new address before the seller comes with it.
    let named = Save {
        reference: Some(ConversationRef::parse("conv_124").unwrap()),
        seller: Some(email("mia@example.org")),
        ..body(vec![said("1", CUSTOMER, "Hello again")])
    };
    let new = market.save(&nadia, named).await.unwrap();
    let moved = vouched("u-17", "mia@example.org");
    let again = market.sellers.of_claims(workspace, &moved).await.unwrap();
    assert_eq!(again.email, Some(email("mia@example.com")), "two tokens do not take turns");
    market.world.clock.advance(std::time::Duration::from_secs(61));
    assert!(matches!(
        market.node.directory.authenticate(&PlainHostTokens::token(&moved)).await,
        Ok(Bearer::Seller(_))
    ));
    let again = market.sellers.of_claims(workspace, &moved).await.unwrap();
    assert_eq!((again.id, again.email), (mia.id, Some(email("mia@example.org"))));
    for saved in [&old, &new] {
        let row = market.world.row(saved.conversation.conversation.id).await;
        let seller = row.seller.clone().unwrap();
        assert_eq!(
            (seller.id, seller.email.as_str(), row.handler.assignee()),
            (mia.id, "mia@example.org", Some(mia.id))
        );
    }
    assert!(matches!(
        market.node.directory.authenticate(&PlainHostTokens::token(&moved)).await,
        Ok(Bearer::Staff(_))
    ));
}

#[tokio::test]
async fn nobody_blocks_an_address_by_naming_it() {
    let market = Market::new().await;
    let workspace = market.world.fixture.workspace.id;
    let other = parlor_testkit::build::a_workspace();
    let work = market.world.store.begin().await.unwrap();
    work.workspaces().insert(&other).await.unwrap();
    work.commit().await.unwrap();
    let elsewhere = other.id;
    let address = email("boss@example.net");
    let named = market.sellers.by_email(elsewhere, &address).await.unwrap();
    let here = market.sellers.by_email(workspace, &address).await.unwrap();
    assert_ne!(named.id, here.id, "each workspace has its own");
    let seen = market.sellers.of_claims(workspace, &vouched("u-17", address.as_str())).await.unwrap();
    assert_eq!(seen.id, here.id);
    // Now the address is somebody's, and what others named stays without an owner.
    let claimed = market.sellers.of_claims(elsewhere, &vouched("u-18", address.as_str())).await;
    assert!(matches!(claimed, Err(SellerError::EmailTaken)));
    // Sellers who come by themselves do not keep the first owner from setting up.
    let fresh = World {
        store: parlor_testkit::MemoryStore::new(),
        clock: Arc::default(),
        fixture: parlor_testkit::Fixture::new(),
    };
    let work = fresh.store.begin().await.unwrap();
    work.workspaces().insert(&fresh.fixture.workspace).await.unwrap();
    work.commit().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(fresh.store.clone());
    let node = fresh.node();
    let ids: Arc<dyn Ids> = Arc::new(crate::support::SharedIds);
    let sellers = SellerService::new(store, node.bus.clone(), fresh.clock.clone(), ids, node.writer.clone());
    let workspace = fresh.fixture.workspace.id;
    sellers.of_claims(workspace, &vouched("u-19", "first@example.com")).await.unwrap();
    let owner = sellers.by_email(workspace, &email("owner@example.com")).await.unwrap();
    let link = node.auth.first_owner_link(workspace).await.unwrap().expect("a link");
    let password = crate::support::password(crate::support::PASSWORD);
    let name = Name::parse("Olga").unwrap();
    let tokens = node.auth.set_up(&link, email("owner@example.com"), name, password).await.unwrap();
    assert_eq!((tokens.agent.id, tokens.agent.role), (owner.id, Role::Owner));
}

#[tokio::test]
async fn an_expiry_whose_clock_is_behind_is_tried_again() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let saved = market.save(&nadia, body(vec![offered("1", CUSTOMER, "pending")])).await.unwrap();
    let (workspace, offer) = (saved.conversation.conversation.workspace_id, &saved.conversation.messages[0]);
    let read = market.world.store.read().await.unwrap();
    let job = read.jobs().find(workspace, parlor_domain::id::JobId(offer.id.0)).await.unwrap().unwrap();
    market.world.clock.set(job.run_at.minus(std::time::Duration::from_millis(3)));
    assert_eq!(market.node.conversations.expire_offer(&job).await, Err(CommandError::Unavailable));
    assert!(read.jobs().find(workspace, job.id).await.unwrap().is_some(), "it is still to be done");
}

#[tokio::test]
async fn a_save_forgets_no_reason_and_touches_nothing_that_was_deleted() {
    let market = Market::new().await;
    let nadia = market.customer("nadia@example.com").await;
    let mia = market.seller("mia@example.com").await;
    let saved = market.save(&nadia, body(vec![offered("1", CUSTOMER, "pending")])).await.unwrap();
    let conversation = saved.conversation.conversation;
    let reason = Some(Line::parse("fraud case 7").unwrap());
    market
        .node
        .conversations
        .set_flag(market.world.agent(), conversation.id, Some(reason))
        .await
        .unwrap();
    let flagged = Save {
        flag: Some(None),
        ..body(Vec::new())
    };
    market.save(&nadia, flagged).await.unwrap();
    let flag = market.world.row(conversation.id).await.flag.unwrap();
    assert_eq!(flag.reason.as_deref(), Some("fraud case 7"));
    market
        .node
        .conversations
        .delete_message(nadia.actor(), conversation.id, saved.conversation.messages[0].id)
        .await
        .unwrap();
    let held = market.save(&mia, body(vec![offered("1", CUSTOMER, "accepted")])).await.unwrap();
    assert_eq!(held.ignored, 0);
    let too_long = Metadata::parse(json!({"note": "x".repeat(8_100)})).unwrap();
    let long = SavedMessage {
        proposal: Some(Proposal::offer(Some(too_long)).unwrap()),
        ..said("9", CUSTOMER, "An offer with a novel")
    };
    assert!(matches!(market.save(&nadia, body(vec![long])).await, Err(SaveError::Message(0, _))));
}

#[tokio::test]
async fn a_seller_who_was_deactivated_meanwhile_gets_no_conversation() {
    let market = Market::new().await;
    let workspace = market.world.fixture.workspace.id;
    let Party::Customer(nadia, _) = market.customer("nadia@example.com").await else {
        panic!("no customer")
    };
    let seller = market.sellers.by_email(workspace, &email("mia@example.com")).await.unwrap();
    let work = market.world.store.begin().await.unwrap();
    let mut agent = work.agents().find(workspace, seller.id).await.unwrap().unwrap();
    agent.deactivated_at = Some(agent.created_at);
    work.agents().update(&agent).await.unwrap();
    work.commit().await.unwrap();
    let begin = BeginConversation {
        starter: Starter::Known(nadia, EditVisitor::default()),
        kind: ConversationKind::Marketplace,
        client_ref: None,
        seller: Some(seller),
        subject: None,
        metadata: None,
        message: None,
    };
    let begun = market.node.conversations.begin(&market.world.fixture.channel, begin, None).await;
    assert!(matches!(begun, Err(BeginError::Message(CommandError::Conflict(_)))), "{begun:?}");
}
