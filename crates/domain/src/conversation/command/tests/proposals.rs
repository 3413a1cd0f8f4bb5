//! Offers and appointments.

use super::*;
use crate::job::JobKind;
use crate::message::{MessageKind, Move, Proposal, ProposalStatus};
use crate::text::Metadata;
use serde_json::{Number, json};
use std::time::Duration;

fn seller() -> Actor {
    agent(ADA, Role::Seller)
}

fn other_seller() -> Actor {
    agent(BEN, Role::Seller)
}

fn sale() -> Thread {
    Thread::of(Conversation {
        kind: ConversationKind::Marketplace,
        client_ref: Some("conv_123".to_owned()),
        handler: Handler::Agent(ADA),
        seller: Some(Seller {
            id: ADA,
            email: "mia@example.com".to_owned(),
        }),
        ..empty_conversation()
    })
}

fn proposal(thread: &Thread, proposal: Proposal) -> Action {
    Action::Send(NewMessage {
        proposal: Some(proposal),
        ..thread.new_message("How about this?")
    })
}

fn offer(price: u64) -> Proposal {
    Proposal::offer(Some(Metadata::parse(json!({"offerPrice": price})).unwrap())).unwrap()
}

fn appointment() -> Proposal {
    Proposal::appointment(Some(
        Metadata::parse(json!({"startsAt": "2026-01-10T10:00:00Z", "place": "north gate"})).unwrap(),
    ))
    .unwrap()
}

fn act(thread: &Thread, action: Move) -> Action {
    let message = thread.messages.iter().rev().find(|message| message.proposal_status().is_some()).unwrap().id;
    act_on(thread, message, action)
}

fn act_on(thread: &Thread, message: MessageId, action: Move) -> Action {
    Action::Move(NewMove {
        message,
        action,
        line_id: MessageId(Uuid::from_u128(0x2000 + thread.messages.len() as u128)),
        answer_id: MessageId(Uuid::from_u128(0x3000 + thread.messages.len() as u128)),
    })
}

fn price(price: u64) -> Option<Number> {
    Some(price.into())
}

fn status(message: &Message) -> ProposalStatus {
    message.proposal_status().unwrap()
}

#[test]
fn an_accepted_offer_is_a_changed_message_and_a_line_each_with_its_number() {
    let mut thread = sale();
    let offered = proposal(&thread, offer(18_500));
    thread.run(visitor(), offered).unwrap();
    assert_eq!(thread.numbers(), (1, 1, 1));
    assert_eq!((thread.last().kind, status(thread.last())), (MessageKind::Offer, ProposalStatus::Pending));
    let accept = act(&thread, Move::Accept);
    let change = thread.run(seller(), accept).unwrap();
    assert_eq!(thread.numbers(), (2, 3, 3), "two numbers, since two messages are touched");
    let [offer, line] = &thread.messages[..] else {
        panic!("{:?}", thread.messages)
    };
    assert_eq!((status(offer), offer.rev, offer.made_rev), (ProposalStatus::Accepted, Some(2), Some(1)));
    assert_eq!(
        (line.kind, line.sender.kind, line.seq, line.rev),
        (MessageKind::System, SenderKind::System, 2, Some(3))
    );
    assert_eq!(line.text, "Ada accepted the offer of 18500.");
    assert_eq!(line.metadata, Some(json!({"action": "accepted", "message_id": offer.id})));
    assert_eq!(
        change.told(),
        Some(ConversationChange::MessageUpdated(Arc::clone(offer), MessageChange::Action))
    );
    assert_eq!(change.followed_by, [Arc::clone(line)]);
}

#[test]
fn of_two_decisions_the_second_is_refused() {
    let moves = [Move::Accept, Move::Decline, Move::Counter(price(1)), Move::Withdraw];
    for first in &moves {
        for second in &moves {
            let mut thread = sale();
            let offered = proposal(&thread, offer(5));
            thread.run(visitor(), offered).unwrap();
            let decided = thread.last().id;
            let by = |action: &Move| if *action == Move::Withdraw { visitor() } else { seller() };
            let action = act_on(&thread, decided, first.clone());
            thread.run(by(first), action).unwrap();
            let action = act_on(&thread, decided, second.clone());
            let refused = thread.run(by(second), action);
            assert!(matches!(refused, Err(CommandError::Conflict(_))), "{first:?} {second:?} {refused:?}");
        }
    }
}

#[test]
fn only_the_other_side_decides_and_only_the_author_takes_back() {
    let mut thread = sale();
    let offered = proposal(&thread, offer(5));
    thread.run(visitor(), offered).unwrap();
    let by = |thread: &Thread, actor, action| thread.decide(actor, act(thread, action)).map(|_| ());
    for action in [Move::Accept, Move::Decline, Move::Counter(price(4))] {
        assert!(matches!(by(&thread, visitor(), action.clone()), Err(CommandError::Forbidden(_))), "{action:?}");
        assert_eq!(by(&thread, seller(), action.clone()), Ok(()));
        // The workspace's agents are on the seller's side and may help out.
        assert_eq!(by(&thread, ben(), action.clone()), Ok(()));
        assert_eq!(by(&thread, other_seller(), action), Err(CommandError::ConversationNotFound));
    }
    for actor in [seller(), ben(), admin()] {
        assert!(matches!(by(&thread, actor, Move::Withdraw), Err(CommandError::Forbidden(_))));
    }
    assert_eq!(by(&thread, visitor(), Move::Withdraw), Ok(()));
    for actor in [visitor(), seller(), ben(), admin()] {
        assert!(matches!(by(&thread, actor, Move::Expire), Err(CommandError::Forbidden(_))));
    }
    for action in [Move::Confirm, Move::Reschedule(None)] {
        assert!(matches!(by(&thread, seller(), action), Err(CommandError::Conflict(_))));
    }
}

#[test]
fn a_counter_offer_is_a_new_offer_that_points_to_the_old_one_and_can_be_answered_itself() {
    let mut thread = sale();
    let offered = proposal(&thread, offer(18_000));
    thread.run(visitor(), offered).unwrap();
    let first = thread.last().id;
    let counter = act(&thread, Move::Counter(price(19_000)));
    let change = thread.run(seller(), counter).unwrap();
    assert_eq!(thread.numbers(), (3, 4, 4));
    assert_eq!(status(&thread.messages[0]), ProposalStatus::Countered);
    let countered = thread.last().clone();
    assert_eq!(
        (countered.kind, countered.sender.kind, countered.reply_to),
        (MessageKind::Offer, SenderKind::Agent, Some(first))
    );
    let payload = countered.payload.clone().unwrap();
    assert_eq!(
        (&payload["offerPrice"], &payload["status"], &payload["counterOf"]),
        (&json!(19_000), &json!("pending"), &json!(first))
    );
    let jobs: Vec<_> = change.jobs.iter().map(|job| (job.kind, job.id.0)).collect();
    assert_eq!(jobs, [(JobKind::OfferExpiry, countered.id.0)], "the new offer runs out, too");
    assert_eq!(
        change.finished_jobs.iter().map(|id| id.0).collect::<Vec<_>>(),
        [first.0],
        "and the old one does not any more"
    );
    let accept = act(&thread, Move::Accept);
    thread.run(visitor(), accept).unwrap();
    assert_eq!(thread.last().text, "Nadia accepted the offer of 19000.");
}

#[test]
fn an_offer_runs_out_after_a_week_or_when_it_says_and_cannot_be_accepted_then() {
    let mut thread = sale();
    let offered = proposal(&thread, offer(5));
    let change = thread.run(visitor(), offered).unwrap();
    let end = thread.now.plus(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(change.jobs.iter().map(|job| job.run_at).collect::<Vec<_>>(), [end]);
    let expire = act(&thread, Move::Expire);
    assert_eq!(thread.decide(system(), expire).unwrap().outcome, Outcome::Unchanged, "not before its time");
    thread.now = end;
    let accept = act(&thread, Move::Accept);
    assert!(
        matches!(thread.decide(seller(), accept), Err(CommandError::Conflict(_))),
        "the server may be late, the offer is not longer good for it"
    );
    let expire = act(&thread, Move::Expire);
    let change = thread.decide(system(), expire).unwrap();
    thread.take(&change);
    assert_eq!(status(&thread.messages[0]), ProposalStatus::Expired);
    assert_eq!(thread.last().text, "The offer of 5 has expired.");
    let expire = act(&thread, Move::Expire);
    assert_eq!(thread.decide(system(), expire).unwrap().outcome, Outcome::Unchanged, "once");
}

#[test]
fn an_appointment_is_confirmed_declined_put_off_or_withdrawn() {
    for (action, by, then) in [
        (Move::Confirm, seller(), ProposalStatus::Confirmed),
        (Move::Decline, seller(), ProposalStatus::Declined),
        (Move::Reschedule(None), seller(), ProposalStatus::Rescheduled),
        (Move::Withdraw, visitor(), ProposalStatus::Withdrawn),
    ] {
        let mut thread = sale();
        let asked = proposal(&thread, appointment());
        let change = thread.run(visitor(), asked).unwrap();
        assert!(change.jobs.is_empty(), "no appointment runs out");
        let action = act(&thread, action);
        thread.run(by, action).unwrap();
        assert_eq!(status(&thread.messages[0]), then);
    }
    let mut thread = sale();
    let asked = proposal(&thread, appointment());
    thread.run(visitor(), asked).unwrap();
    let first = thread.last().id;
    let later = act(&thread, Move::Reschedule(Timestamp::parse_rfc3339("2026-01-11T09:00:00Z")));
    thread.run(seller(), later).unwrap();
    assert_eq!(
        thread.last().payload,
        Some(json!({"startsAt": "2026-01-11T09:00:00.000Z", "place": "north gate", "status": "requested", "rescheduleOf": first}))
    );
    let agree = act(&thread, Move::Confirm);
    thread.run(visitor(), agree).unwrap();
    assert_eq!(thread.last().text, "Nadia confirmed the appointment.");
}

#[test]
fn words_and_notes_and_what_is_deleted_are_not_decided_about() {
    let mut thread = sale();
    thread.say(visitor(), "Hello");
    let accept = act_on(&thread, thread.last().id, Move::Accept);
    assert!(matches!(thread.run(seller(), accept), Err(CommandError::Conflict(_))));
    let offered = proposal(&thread, offer(5));
    thread.run(visitor(), offered).unwrap();
    let gone = thread.last().id;
    let change = thread.run(visitor(), Action::Delete(gone)).unwrap();
    assert_eq!(change.finished_jobs.iter().map(|id| id.0).collect::<Vec<_>>(), [gone.0]);
    let accept = act_on(&thread, gone, Move::Accept);
    assert!(matches!(thread.run(seller(), accept), Err(CommandError::Conflict(_))));
    let note = Action::Send(NewMessage {
        private: true,
        proposal: Some(offer(5)),
        ..thread.new_message("between us")
    });
    assert!(matches!(thread.run(ben(), note), Err(CommandError::Conflict(_))));
}

#[test]
fn a_visitors_move_reopens_and_reads_and_the_same_rules_hold_outside_a_marketplace() {
    let mut thread = Thread::new();
    let offered = proposal(&thread, offer(5));
    thread.run(ada(), offered).unwrap();
    assert_eq!(thread.conversation.unread_by_visitor(), 1);
    thread.run(ada(), set(Status::Resolved)).unwrap();
    let accept = act(&thread, Move::Accept);
    thread.run(visitor(), accept).unwrap();
    assert_eq!(thread.conversation.status, Status::Open);
    assert_eq!(thread.conversation.unread_by_visitor(), 0, "who decides has read, the line included");
    assert_eq!((thread.conversation.inbound_count, thread.conversation.outbound_count), (0, 2));
}

#[test]
fn the_same_offer_again_is_a_repeat_whatever_became_of_it() {
    let mut thread = sale();
    let sent = |status: &str, price: u64| {
        let payload = json!({"offerPrice": price, "status": status});
        Action::Send(NewMessage {
            proposal: Some(Proposal::offer(Some(Metadata::parse(payload).unwrap())).unwrap()),
            client_id: Some(ClientId::parse("17").unwrap()),
            ..Thread::new().new_message("How about this?")
        })
    };
    thread.run(visitor(), sent("pending", 5)).unwrap();
    let accept = act(&thread, Move::Accept);
    thread.run(seller(), accept).unwrap();
    let again = thread.run(visitor(), sent("accepted", 5)).unwrap();
    assert!(matches!(&again.outcome, Outcome::Repeated(message) if status(message) == ProposalStatus::Accepted));
    assert_eq!(thread.run(visitor(), sent("pending", 6)).unwrap_err(), CommandError::ClientIdReused);
}

#[test]
fn sellers_see_what_they_sell_and_do_what_parties_do() {
    let mut thread = sale();
    thread.say(visitor(), "Hello");
    thread.say(seller(), "Good morning");
    for action in [
        Action::MarkRead(None),
        Action::SetFlag(Some(Some(Line::parse("rude").unwrap()))),
        Action::SetSubject(SubjectEdit::default()),
        Action::DeleteConversation,
    ] {
        assert!(thread.decide(seller(), action.clone()).is_ok(), "{action:?}");
        assert!(thread.decide(visitor(), action.clone()).is_ok(), "{action:?}");
        assert_eq!(thread.decide(other_seller(), action).unwrap_err(), CommandError::ConversationNotFound);
    }
    for action in [
        Action::Assign(None),
        Action::TakeOver,
        set(Status::Resolved),
        labels(&["x"]),
        Action::SetFlag(None),
        Action::HandToAssistant { available: true },
    ] {
        assert!(matches!(thread.decide(seller(), action.clone()), Err(CommandError::Forbidden(_))), "{action:?}");
        assert!(
            matches!(thread.decide(visitor(), action.clone()), Err(CommandError::Forbidden(_))),
            "{action:?}"
        );
    }
    let mut note = thread.clone();
    assert!(matches!(note.note(seller(), "between us"), Err(CommandError::Forbidden(_))));
    // A room has no seller, and nobody removes it but an admin.
    let mut room = Thread::new();
    room.say(visitor(), "Hello");
    assert_eq!(room.decide(seller(), Action::MarkRead(None)).unwrap_err(), CommandError::ConversationNotFound);
    for action in [Action::DeleteConversation, Action::SetFlag(Some(None))] {
        assert!(matches!(room.decide(visitor(), action), Err(CommandError::Forbidden(_))));
    }
}

#[test]
fn only_the_seller_moves_the_mark_of_its_side() {
    let mut thread = sale();
    thread.say(visitor(), "Hello");
    thread.run(ben(), Action::MarkRead(None)).unwrap();
    thread.say(ben(), "The seller is on the way");
    assert_eq!(thread.conversation.unread_by_team(), 1);
    assert_eq!(thread.conversation.handler, Handler::Agent(ADA), "who helps out does not take over");
    thread.say(seller(), "Here I am");
    assert_eq!((thread.conversation.unread_by_team(), thread.conversation.team_mark.seq), (0, 3));
}

#[test]
fn the_listing_may_be_told_anew_and_nothing_else_of_it() {
    let mut thread = sale();
    let nothing = SubjectEdit {
        first: None,
        title: Some(Line::parse("Blue car").unwrap()),
        price: price(9),
    };
    assert_eq!(thread.run(seller(), Action::SetSubject(nothing.clone())).unwrap().outcome, Outcome::Unchanged);
    Arc::make_mut(&mut thread.conversation).subject = Some(Subject {
        kind: "vehicle".to_owned(),
        external_id: Some("17".to_owned()),
        title: "Car".to_owned(),
        price: None,
    });
    let change = thread.run(seller(), Action::SetSubject(nothing)).unwrap();
    assert!(change.public && change.fields.subject);
    let subject = thread.conversation.subject.clone().unwrap();
    assert_eq!(
        (subject.external_id.as_deref(), subject.title.as_str(), subject.price),
        (Some("17"), "Blue car", price(9))
    );
}
