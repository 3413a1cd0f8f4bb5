//! The fakes do what tests expect of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use bytes::Bytes;
use futures_util::StreamExt;
use parlor_domain::attachment::{ContentTypes, FileName, FileStore, LinkSigner};
use parlor_domain::clock::{Clock, Timestamp};
use parlor_domain::event::{AccessChange, DomainEvent, EventBus};
use parlor_domain::id::{AgentId, AttachmentId, ChannelId, FileKey, Ids, LoginId, WorkspaceId};
use parlor_domain::security::{AccessClaims, HostClaims, HostTokens, InvalidToken, Password, PasswordHasher, RefreshClaims, SecretBox, Tokens};
use parlor_domain::whatsapp::{FileToSend, MediaKind, Number, OutgoingContent, OutgoingMessage, Recipient, SendFailure, WhatsappGateway};
use parlor_testkit::{FakeContentTypes, FakeLinkSigner, MemoryFiles, ScriptedMedia, ScriptedWhatsapp, WhatsappCall};
use parlor_testkit::{FixedClock, PlainHostTokens, PlainPasswordHasher, PlainSecretBox, PlainTokens, RecordingEventBus, SequentialIds};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

#[test]
fn the_clock_moves_only_when_told() {
    let clock = FixedClock::default();
    assert_eq!(clock.now(), FixedClock::START);
    let later = FixedClock::START.plus(Duration::from_secs(90));
    assert_eq!(clock.advance(Duration::from_secs(90)), later);
    assert_eq!(clock.now(), later);
    clock.set(Timestamp(7));
    assert_eq!(clock.now(), Timestamp(7));
}

#[test]
fn ordered_ids_rise_and_random_ones_are_distinct() {
    let ids = SequentialIds::new();
    let ordered: Vec<Uuid> = (0..1_000).map(|_| ids.ordered()).collect();
    assert!(ordered.is_sorted_by(|one, next| one < next));
    assert!(ordered.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
    let random: BTreeSet<Uuid> = (0..1_000).map(|_| ids.random()).collect();
    assert_eq!(random.len(), 1_000);
    assert!(random.iter().all(|id| id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122));
    assert_eq!(SequentialIds::new().ordered(), ordered[0]);
}

#[test]
fn a_lossy_bus_loses_as_many_as_told() {
    let bus = RecordingEventBus::new();
    let change = |number| AccessChange::AgentChanged(AgentId(Uuid::from_u128(number)));
    bus.drop_next(2);
    for number in 1..=3 {
        bus.publish(DomainEvent::Access(change(number)));
    }
    assert_eq!(bus.access_changes(), [change(3)]);
    assert_eq!((bus.events().len(), bus.signals().len(), bus.conversation_events().len()), (1, 0, 0));
    bus.clear();
    assert!(bus.events().is_empty());
}

#[tokio::test]
async fn a_plain_password_is_verified() {
    let right = Password::parse("correct horse").unwrap();
    let hash = PlainPasswordHasher.hash(right.clone()).await.unwrap();
    assert!(PlainPasswordHasher.verify(right.clone(), Some(hash.clone())).await.unwrap());
    assert!(!PlainPasswordHasher.verify(Password::attempt("wrong"), Some(hash)).await.unwrap());
    assert!(!PlainPasswordHasher.verify(right, None).await.unwrap());
}

#[tokio::test]
async fn plain_tokens_say_what_was_signed_until_they_run_out() {
    let (agent_id, login_id, expires_at) = (AgentId(Uuid::from_u128(1)), LoginId(Uuid::from_u128(2)), Timestamp(100));
    let access = AccessClaims {
        agent_id,
        login_id,
        auth_version: 3,
        expires_at,
    };
    let refresh = RefreshClaims {
        login_id,
        generation: 4,
        expires_at,
    };
    let access_token = PlainTokens.sign_access(&access).unwrap();
    let refresh_token = PlainTokens.sign_refresh(&refresh).unwrap();
    assert_eq!(PlainTokens.verify_access(&access_token, Timestamp(99)), Ok(access));
    assert_eq!(PlainTokens.verify_refresh(&refresh_token, Timestamp(99)), Ok(refresh));
    assert_eq!(PlainTokens.verify_access(&access_token, Timestamp(100)), Err(InvalidToken::Expired));
    assert_eq!(PlainTokens.verify_refresh(&refresh_token, Timestamp(100)), Err(InvalidToken::Expired));
    for wrong in [refresh_token.as_str(), "", "access {}", "access"] {
        assert_eq!(PlainTokens.verify_access(wrong, Timestamp(0)), Err(InvalidToken::Invalid), "{wrong}");
    }
    assert_eq!(PlainTokens.verify_refresh(&access_token, Timestamp(0)), Err(InvalidToken::Invalid));

    let claims = HostClaims {
        subject: "42".to_owned(),
        role: None,
        email: Some("nadia@example.com".to_owned()),
        email_verified: true,
        name: None,
        expires_at,
    };
    let token = PlainHostTokens::token(&claims);
    assert_eq!(PlainHostTokens.verify(&token, Timestamp(0)).await, Ok(claims));
    assert_eq!(PlainHostTokens.verify(&token, Timestamp(100)).await, Err(InvalidToken::Expired));
    assert_eq!(PlainHostTokens.verify("{}", Timestamp(0)).await, Err(InvalidToken::Invalid));
}

#[test]
fn a_plain_secret_is_opened_again() {
    let sealed = PlainSecretBox.seal(b"secret").unwrap();
    assert_ne!(sealed, b"secret");
    assert_eq!(PlainSecretBox.open(&sealed).unwrap(), b"secret");
    assert!(PlainSecretBox.open(b"secret").is_err());
}

#[tokio::test]
async fn files_in_memory_are_there_when_they_are_finished_and_fail_on_demand() {
    let (files, key) = (MemoryFiles::new(), FileKey(Uuid::from_u128(7)));
    let mut sink = files.create(key).await.unwrap();
    sink.write(Bytes::from(vec![1; 1500])).await.unwrap();
    assert_eq!(files.count(), 0);
    sink.write(Bytes::from_static(b"end")).await.unwrap();
    sink.finish().await.unwrap();
    let found = files.open(key).await.unwrap().expect("it is there");
    assert_eq!(found.size, 1503);
    let chunks: Vec<Bytes> = found.chunks.map(Result::unwrap).collect().await;
    assert_eq!(files.get(key).as_deref(), Some(chunks.concat().as_slice()));

    drop(files.create(FileKey(Uuid::from_u128(8))).await.unwrap());
    assert_eq!(files.count(), 1);
    files.fail(true);
    assert!(files.open(key).await.is_err() && files.delete(key).await.is_err() && files.create(key).await.is_err());
    files.fail(false);
    files.delete(key).await.unwrap();
    files.delete(key).await.unwrap();
    assert!(files.open(key).await.unwrap().is_none());
}

#[test]
fn fake_content_types_look_at_the_bytes() {
    let mime = |head: &[u8], name| FakeContentTypes.inspect(head, name).map(|content| content.mime);
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0";
    let seen = FakeContentTypes.inspect(png, "a.txt").expect("a picture");
    assert_eq!((seen.mime.as_str(), seen.width, seen.height), ("image/png", Some(640), Some(480)));
    assert_eq!(mime(b"\xff\xd8\xff\xe0", "a.png").as_deref(), Some("image/jpeg"));
    assert_eq!(mime(b"%PDF-1.7", "a").as_deref(), Some("application/pdf"));
    assert_eq!(mime("schön".as_bytes(), "a").as_deref(), Some("text/plain"));
    assert_eq!(mime(b"sch\xc3", "a.csv").as_deref(), Some("text/csv"));
    assert_eq!(mime(b"MZ\0\xff", "a.txt"), None);
}

#[test]
fn a_fake_signature_is_of_one_file_and_time() {
    let (one, other) = (AttachmentId(Uuid::from_u128(1)), AttachmentId(Uuid::from_u128(2)));
    let signature = FakeLinkSigner.sign(one, Timestamp(5));
    assert!(FakeLinkSigner.is_signed(one, Timestamp(5), &signature));
    assert!(!FakeLinkSigner.is_signed(other, Timestamp(5), &signature));
    assert!(!FakeLinkSigner.is_signed(one, Timestamp(6), &signature));
}

#[tokio::test]
async fn a_scripted_platform_takes_everything_unless_told_otherwise() {
    let whatsapp = ScriptedWhatsapp::new();
    let number = Number {
        channel_id: ChannelId(Uuid::from_u128(1)),
        workspace_id: WorkspaceId(Uuid::from_u128(2)),
        phone_number_id: "830000000000001".to_owned(),
        base_url: "https://graph.example.com".to_owned(),
        by_operator: true,
        version: "v26.0".to_owned(),
        access_token: None,
    };
    let message = OutgoingMessage {
        to: Recipient::Phone("9990000001".to_owned()),
        content: OutgoingContent::Text("Hello".to_owned()),
        reply_to: None,
        callback_data: None,
    };
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    whatsapp.before_answer(move |_| {
        let count = Arc::clone(&count);
        Box::pin(async move {
            count.fetch_add(1, Ordering::SeqCst);
        })
    });
    let refused = SendFailure::Unknown("no answer".to_owned());
    whatsapp.fail_send(refused.clone());
    whatsapp.mark_read(&number, "wamid.x", true).await.unwrap();
    assert_eq!(whatsapp.send(&number, &message).await, Err(refused));
    assert_eq!(whatsapp.send(&number, &message).await.unwrap().external_id, "wamid.1");
    assert_eq!(whatsapp.send(&number, &message).await.unwrap().external_id, "wamid.2");
    assert_eq!(seen.load(Ordering::SeqCst), 4);
    whatsapp.answer_at_once();

    let file = FileToSend {
        name: FileName::label("a.txt"),
        mime: "text/plain".to_owned(),
        kind: MediaKind::Document,
        size: 5,
        chunks: futures_util::stream::iter([Ok(Bytes::from_static(b"Hel")), Ok(Bytes::from_static(b"lo"))]).boxed(),
    };
    assert_eq!(whatsapp.upload(&number, file).await.unwrap(), "media.1");
    assert!(whatsapp.download(&number, "1").await.is_err());
    whatsapp.has_media("1", ScriptedMedia::whole("text/plain", "Hello"));
    let media = whatsapp.download(&number, "1").await.expect("it is there");
    assert_eq!((media.size, media.mime.as_deref()), (Some(5), Some("text/plain")));
    assert_eq!(whatsapp.sent(), [message.clone(), message.clone(), message.clone()]);
    let upload = WhatsappCall::Upload {
        name: "a.txt".to_owned(),
        mime: "text/plain".to_owned(),
        kind: MediaKind::Document,
        bytes: Bytes::from_static(b"Hello"),
    };
    assert_eq!(
        whatsapp.calls()[4..],
        [upload, WhatsappCall::Download("1".to_owned()), WhatsappCall::Download("1".to_owned())]
    );
    assert!(whatsapp.numbers().iter().all(|one| *one == number));
}
