//! What goes out over WhatsApp and comes in over it.

use super::*;
use crate::attachment::{AttachedFile, Attachment, FileName};
use crate::id::{AttachmentId, FileKey};
use crate::job::JobKind;
use crate::message::{DeliveryError, MessageKind, MessageStatus, PartState};
use serde_json::json;
use std::time::Duration;

const HOUR: i64 = 3_600_000;

fn on_whatsapp() -> Thread {
    let mut thread = Thread::new();
    let mut conversation = Conversation::clone(&thread.conversation);
    conversation.kind = ConversationKind::Whatsapp;
    conversation.whatsapp = Some(WhatsappThread {
        number: 7,
        phone_number_id: "830000000000001".to_owned(),
        customer_phone: Some("491700000001".to_owned()),
        window_expires_at: None,
    });
    thread.conversation = Arc::new(conversation);
    thread
}

fn wamid(id: &str) -> ExternalId {
    ExternalId {
        channel_id: ChannelId(Uuid::from_u128(0x99)),
        id: id.to_owned(),
    }
}

impl Thread {
    /// The customer writes over the channel.
    fn comes_in(&mut self, id: &str, words: &str) -> Change {
        let new = NewMessage {
            external_id: Some(wamid(id)),
            sent_at: Some(self.now),
            ..self.new_message(words)
        };
        self.run(visitor(), Action::Send(new)).unwrap()
    }

    fn tries(&mut self, actor: Actor, words: &str) -> Result<Change, CommandError> {
        let new = self.new_message(words);
        self.run(actor, Action::Send(new))
    }

    fn reports(&mut self, message: MessageId, part: usize, state: PartState, id: Option<&str>) -> Change {
        self.now.0 += 1000;
        let report = report(message, part, state, id, self.now);
        self.run(Actor::System(WORKSPACE), Action::Report(report)).unwrap()
    }

    fn window(&self) -> Option<Timestamp> {
        self.conversation.whatsapp.as_ref().and_then(|thread| thread.window_expires_at)
    }
}

fn report(message: MessageId, part: usize, state: PartState, id: Option<&str>, at: Timestamp) -> DeliveryReport {
    DeliveryReport {
        message,
        channel_id: ChannelId(Uuid::from_u128(0x99)),
        parts: None,
        report: Some(PartReport {
            part,
            state,
            external_id: id.map(str::to_owned),
            at,
            error: (state == PartState::Failed).then(|| DeliveryError {
                code: 131_026,
                message: "Message undeliverable".to_owned(),
            }),
        }),
        closes_window: false,
    }
}

fn kinds(change: &Change) -> Vec<JobKind> {
    change.jobs.iter().map(|job| job.kind).collect()
}

#[test]
fn words_go_out_only_within_a_day_of_the_customers_last_message() {
    let mut thread = on_whatsapp();
    assert_eq!(thread.tries(ada(), "Hello?").unwrap_err(), CommandError::WindowClosed);
    thread.comes_in("wamid.1", "Is it still there?");
    assert_eq!(
        thread.window(),
        Some(thread.now.plus(Duration::from_secs(24 * 3600)).minus(Duration::from_secs(1)))
    );
    let sent = thread.tries(ada(), "Yes").unwrap();
    assert_eq!(kinds(&sent), [JobKind::WhatsappRead, JobKind::WhatsappSend]);
    assert_eq!(thread.last().status, MessageStatus::Queued);
    thread.now.0 += 24 * HOUR;
    assert_eq!(thread.tries(ada(), "Are you there?").unwrap_err(), CommandError::WindowClosed);
    // A note goes nowhere, and a template may always go.
    assert!(thread.note(ada(), "They do not answer.").is_ok());
    let template = NewMessage {
        structured: Some(Structured {
            kind: MessageKind::Template,
            payload: Some(json!({"name": "order_ready", "language": "de", "parameters": []})),
        }),
        ..thread.new_message("Your order is ready.")
    };
    let sent = thread.run(ada(), Action::Send(template)).unwrap();
    assert_eq!(kinds(&sent), [JobKind::WhatsappSend]);
}

#[test]
fn what_came_late_opens_the_window_from_when_it_was_written() {
    let mut thread = on_whatsapp();
    let written = thread.now.minus(Duration::from_secs(23 * 3600));
    let late = NewMessage {
        external_id: Some(wamid("wamid.1")),
        sent_at: Some(written),
        ..thread.new_message("Sent yesterday")
    };
    thread.run(visitor(), Action::Send(late)).unwrap();
    assert_eq!(thread.window(), Some(written.plus(WHATSAPP_WINDOW)));
    // An older one that comes even later does not close it again; a clock that is ahead does not open it longer.
    thread.comes_in("wamid.2", "now");
    let open_until = thread.window();
    let older = NewMessage {
        external_id: Some(wamid("wamid.3")),
        sent_at: Some(written),
        ..thread.new_message("Older")
    };
    thread.run(visitor(), Action::Send(older)).unwrap();
    assert_eq!(thread.window(), open_until);
    let ahead = NewMessage {
        external_id: Some(wamid("wamid.4")),
        sent_at: Some(thread.now.plus(Duration::from_secs(86_400))),
        ..thread.new_message("From tomorrow")
    };
    thread.run(visitor(), Action::Send(ahead)).unwrap();
    assert_eq!(thread.window(), Some(thread.now.plus(WHATSAPP_WINDOW)));
}

#[test]
fn a_message_gets_as_far_as_its_parts_and_only_what_is_seen_has_a_number() {
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "Hi");
    thread.say(ada(), "A long answer");
    let id = thread.last().id;
    let before = thread.numbers();
    let sending = thread.reports(id, 0, PartState::Sending, None);
    assert!(sending.writes && !sending.numbered);
    assert_eq!(thread.numbers(), before);
    let mut parts = report(id, 0, PartState::Sent, Some("wamid.A"), thread.now);
    parts.parts = Some(2);
    let first = thread.run(Actor::System(WORKSPACE), Action::Report(parts)).unwrap();
    assert_eq!(first.external_id, Some((wamid("wamid.A"), 0)));
    assert_eq!(thread.numbers(), before, "one of two parts is nobody's business");
    let second = thread.reports(id, 1, PartState::Sent, Some("wamid.B"));
    assert_eq!(
        second
            .told()
            .map(|told| matches!(told, ConversationChange::MessageUpdated(_, MessageChange::Status))),
        Some(true)
    );
    assert_eq!(thread.last().status, MessageStatus::Sent);
    assert_eq!(thread.numbers(), (before.0, before.1 + 1, before.2 + 1));
    thread.reports(id, 0, PartState::Read, None);
    assert_eq!(thread.last().status, MessageStatus::Sent);
    thread.reports(id, 1, PartState::Read, None);
    assert_eq!(thread.last().status, MessageStatus::Read);
    assert!(thread.conversation.is_read(thread.last()));
    let again = thread.reports(id, 1, PartState::Delivered, None);
    assert!(!again.numbered);
    let same = thread.reports(id, 1, PartState::Read, None);
    assert!(!same.writes);
}

#[test]
fn a_failure_says_why_and_may_close_the_window() {
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "Hi");
    thread.say(ada(), "Hello");
    let id = thread.last().id;
    let mut failed = report(id, 0, PartState::Failed, None, thread.now);
    failed.closes_window = true;
    thread.run(Actor::System(WORKSPACE), Action::Report(failed)).unwrap();
    assert_eq!(thread.last().status, MessageStatus::Failed);
    assert_eq!(thread.last().metadata.as_ref().unwrap()["error"]["code"], 131_026);
    assert_eq!(thread.tries(ada(), "And now?").unwrap_err(), CommandError::WindowClosed);
}

#[test]
fn an_id_that_another_message_has_names_nothing_else() {
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "Hi");
    thread.say(ada(), "Hello");
    let id = thread.last().id;
    let command = Command {
        conversation_id: thread.conversation.id,
        actor: Actor::System(WORKSPACE),
        action: Action::Report(report(id, 0, PartState::Sent, Some("wamid.1"), thread.now)),
    };
    let facts = Facts {
        message: thread.messages.last().cloned(),
        stored_first: thread.messages.first().cloned(),
        ..Facts::default()
    };
    let fresh = Fresh {
        id: Uuid::from_u128(1),
        job: Uuid::from_u128(2),
    };
    let change = apply(&thread.conversation, &command, &facts, thread.now, fresh).unwrap();
    assert_eq!(change.external_id, None);
}

#[test]
fn a_repeat_of_the_platform_is_the_first_message_even_in_other_words() {
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "Hi");
    let again = NewMessage {
        external_id: Some(wamid("wamid.1")),
        ..thread.new_message("Hi!!")
    };
    let command = Command {
        conversation_id: thread.conversation.id,
        actor: visitor(),
        action: Action::Send(again),
    };
    let facts = Facts {
        stored_first: thread.messages.first().cloned(),
        ..Facts::default()
    };
    let fresh = Fresh {
        id: Uuid::from_u128(1),
        job: Uuid::from_u128(2),
    };
    let change = apply(&thread.conversation, &command, &facts, thread.now, fresh).unwrap();
    assert!(matches!(change.outcome, Outcome::Repeated(_)) && !change.writes);
}

#[test]
fn the_customer_may_change_and_take_back_what_it_wrote_there() {
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "Is it blu?");
    let id = thread.last().id;
    thread.run(visitor(), Action::Edit(id, text("Is it blue?"))).unwrap();
    assert_eq!(thread.last().text, "Is it blue?");
    assert!(thread.last().edited_at.is_some());
    thread.run(visitor(), Action::Delete(id)).unwrap();
    assert!(thread.last().deleted_at.is_some());
    thread.comes_in("wamid.2", "Hello");
    thread.say(ada(), "Hi");
    let ours = thread.last().id;
    assert!(matches!(thread.run(visitor(), Action::Edit(ours, text("x"))), Err(CommandError::Forbidden(_))));
    // On the web nobody but agents can.
    let mut web = Thread::new();
    web.say(visitor(), "Hi");
    let id = web.last().id;
    assert!(matches!(web.run(visitor(), Action::Edit(id, text("x"))), Err(CommandError::Forbidden(_))));
}

#[test]
fn our_sign_on_a_message_is_told_to_the_customer() {
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "Thanks");
    let id = thread.last().id;
    let ours = thread.run(ada(), Action::React(id, Some("👍".to_owned()))).unwrap();
    assert_eq!(kinds(&ours), [JobKind::WhatsappReaction]);
    let theirs = thread.run(visitor(), Action::React(id, Some("🙏".to_owned()))).unwrap();
    assert_eq!(kinds(&theirs), []);
}

#[test]
fn reading_is_shown_once_there_is_more_to_show() {
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "One");
    assert_eq!(kinds(&thread.run(ada(), Action::MarkRead(None)).unwrap()), [JobKind::WhatsappRead]);
    assert_eq!(kinds(&thread.run(ben(), Action::MarkRead(None)).unwrap()), []);
    let mut web = Thread::new();
    web.say(visitor(), "One");
    assert_eq!(kinds(&web.run(ada(), Action::MarkRead(None)).unwrap()), []);
}

#[test]
fn offers_and_choices_stay_where_they_belong() {
    let choices = |thread: &Thread| NewMessage {
        structured: Some(Structured {
            kind: MessageKind::Interactive,
            payload: Some(json!({"buttons": [{"id": "a", "title": "A"}]})),
        }),
        ..thread.new_message("Which?")
    };
    let mut web = Thread::new();
    web.say(visitor(), "Hi");
    let new = choices(&web);
    assert!(matches!(web.run(ada(), Action::Send(new)), Err(CommandError::Conflict(_))));
    let mut thread = on_whatsapp();
    thread.comes_in("wamid.1", "Hi");
    let new = choices(&thread);
    assert!(thread.run(ada(), Action::Send(new)).is_ok());
    let note = NewMessage {
        private: true,
        ..choices(&thread)
    };
    assert!(matches!(thread.run(ada(), Action::Send(note)), Err(CommandError::Conflict(_))));
}

#[test]
fn the_assistant_says_nothing_once_the_window_is_closed_and_a_person_goes_on() {
    let mut thread = on_whatsapp();
    let mut conversation = Conversation::clone(&thread.conversation);
    conversation.handler = Handler::Assistant;
    thread.conversation = Arc::new(conversation);
    thread.comes_in("wamid.1", "Hi");
    let answer = thread.conversation.answer_id.expect("an answer is owed");
    let version = thread.conversation.handler_version;
    let new = |covers| NewAnswer {
        id: answer,
        handler_version: version,
        covers,
        text: crate::text::AnswerText::parse("Hello").ok(),
        metadata: None,
        hand_over: None,
    };
    let assistant = Actor::Assistant(AssistantActor {
        workspace_id: WORKSPACE,
        name: None,
    });
    let mut late = Thread {
        conversation: Arc::clone(&thread.conversation),
        messages: thread.messages.clone(),
        now: thread.now.plus(WHATSAPP_WINDOW),
    };
    let change = late.run(assistant.clone(), Action::Answer(new(1))).unwrap();
    assert!(kinds(&change).is_empty());
    assert_eq!(late.conversation.handler, Handler::Queue);
    let said = thread.run(assistant, Action::Answer(new(1))).unwrap();
    assert_eq!(kinds(&said), [JobKind::WhatsappSend]);
    assert_eq!(thread.last().status, MessageStatus::Queued);
}

#[test]
fn a_question_that_came_a_day_late_is_a_persons() {
    let mut thread = on_whatsapp();
    let mut conversation = Conversation::clone(&thread.conversation);
    conversation.handler = Handler::Assistant;
    thread.conversation = Arc::new(conversation);
    let late = NewMessage {
        external_id: Some(wamid("wamid.1")),
        sent_at: Some(thread.now.minus(WHATSAPP_WINDOW)),
        ..thread.new_message("Sent two days ago")
    };
    let change = thread.run(visitor(), Action::Send(late)).unwrap();
    assert!(kinds(&change).is_empty());
    assert_eq!(thread.conversation.handler, Handler::Queue);
    assert_eq!(thread.conversation.answer_id, None);
}

fn a_file(thread: &Thread, id: u128, by: AuthorId) -> Attachment {
    Attachment {
        file: AttachedFile {
            id: AttachmentId(Uuid::from_u128(id)),
            name: FileName::label("dent.jpg"),
            mime: "image/jpeg".to_owned(),
            size: 3,
            width: None,
            height: None,
        },
        workspace_id: WORKSPACE,
        conversation_id: thread.conversation.id,
        message_id: None,
        uploaded_by: by,
        key: FileKey(Uuid::from_u128(id)),
        created_at: thread.now,
        deleted_at: None,
    }
}

#[test]
fn a_file_is_sent_once_by_who_uploaded_it_where_it_was_uploaded_for() {
    let mut thread = Thread::new();
    thread.say(visitor(), "Hi");
    let own = a_file(&thread, 1, ADA.into());
    let with = |thread: &Thread, file: Attachment| {
        Action::Send(NewMessage {
            attachments: vec![file],
            ..thread.new_message("dent.jpg")
        })
    };
    let sent_before = Attachment {
        message_id: Some(MessageId(Uuid::from_u128(5))),
        ..own.clone()
    };
    let elsewhere = Attachment {
        conversation_id: ConversationId(Uuid::from_u128(6)),
        ..own.clone()
    };
    let too_old = Attachment {
        created_at: thread.now.minus(Duration::from_secs(23 * 3600 + 1)),
        ..own.clone()
    };
    let of_another = Attachment {
        uploaded_by: BEN.into(),
        ..own.clone()
    };
    for wrong in [sent_before, elsewhere, too_old, of_another] {
        let action = with(&thread, wrong);
        assert_eq!(thread.run(ada(), action).unwrap_err(), CommandError::AttachmentUnknown);
    }
    let action = with(&thread, own.clone());
    thread.run(ada(), action).unwrap();
    assert_eq!((thread.last().kind, thread.last().attachments.clone()), (MessageKind::File, vec![own.file]));
    let id = thread.last().id;
    thread.run(ada(), Action::Delete(id)).unwrap();
    assert!(thread.last().attachments.is_empty());
}

#[test]
fn the_file_of_a_message_comes_later_or_not_at_all() {
    let mut thread = on_whatsapp();
    let new = NewMessage {
        external_id: Some(wamid("wamid.1")),
        media_follows: true,
        metadata: Some(json!({"media": {"id": "99"}})),
        ..thread.new_message("[image]")
    };
    let came = thread.run(visitor(), Action::Send(new)).unwrap();
    assert_eq!(kinds(&came), [JobKind::WhatsappMedia]);
    let message = thread.last().id;
    let arrives = |thread: &mut Thread, file| thread.run(Actor::System(WORKSPACE), Action::AddMedia(MediaArrival { message, file }));
    arrives(&mut thread, Err("gone".to_owned())).unwrap();
    assert_eq!(thread.last().metadata.as_ref().unwrap()["media_error"], "gone");
    let file = a_file(&thread, 9, AuthorId::SYSTEM).file;
    let change = arrives(&mut thread, Ok(file.clone())).unwrap();
    assert_eq!(change.message_change, Some(MessageChange::Attachment));
    assert_eq!(thread.last().metadata.as_ref().unwrap().get("media_error"), None);
    assert!(!arrives(&mut thread, Ok(file)).unwrap().writes);
    assert!(matches!(
        thread.run(
            ada(),
            Action::AddMedia(MediaArrival {
                message,
                file: Err(String::new())
            })
        ),
        Err(CommandError::Forbidden(_))
    ));
}
