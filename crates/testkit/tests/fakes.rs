//! The fakes do what tests expect of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use parlor_domain::clock::{Clock, Timestamp};
use parlor_domain::event::{AccessChange, DomainEvent, EventBus};
use parlor_domain::id::{AgentId, Ids, LoginId};
use parlor_domain::security::{AccessClaims, HostClaims, HostTokens, InvalidToken, Password, PasswordHasher, RefreshClaims, SecretBox, Tokens};
use parlor_testkit::{FixedClock, PlainHostTokens, PlainPasswordHasher, PlainSecretBox, PlainTokens, RecordingEventBus, SequentialIds};
use std::collections::BTreeSet;
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

#[test]
fn plain_tokens_say_what_was_signed_until_they_run_out() {
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
    assert_eq!(PlainHostTokens.verify(&token, Timestamp(0)), Ok(claims));
    assert_eq!(PlainHostTokens.verify(&token, Timestamp(100)), Err(InvalidToken::Expired));
    assert_eq!(PlainHostTokens.verify("{}", Timestamp(0)), Err(InvalidToken::Invalid));
}

#[test]
fn a_plain_secret_is_opened_again() {
    let sealed = PlainSecretBox.seal(b"secret").unwrap();
    assert_ne!(sealed, b"secret");
    assert_eq!(PlainSecretBox.open(&sealed).unwrap(), b"secret");
    assert!(PlainSecretBox.open(b"secret").is_err());
}
