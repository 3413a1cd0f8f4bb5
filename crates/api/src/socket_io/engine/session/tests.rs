use super::request::Overlap;
use super::*;
use actix_web::http::Method;
use futures_util::FutureExt;
use std::pin::pin;

fn session() -> (Session, mpsc::Receiver<Message>) {
    Session::new("sid".to_owned(), Transport::Polling, &Limits::OFF)
}

fn message(text: &str) -> Outgoing {
    Bytes::copy_from_slice(text.as_bytes()).into()
}

fn said(text: &str) -> Result<Incoming, Unreadable> {
    Ok(Incoming::Message(Message::Text(text.to_owned())))
}

/// What a poll brings at once.
fn polled(session: &Session) -> Option<String> {
    let request = session.begin_poll().unwrap();
    let body = session.poll().now_or_never();
    request.done();
    body.map(|body| String::from_utf8(body).unwrap())
}

/// What the WebSocket gets at once.
fn taken(session: &Session) -> Vec<String> {
    let context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    while let Poll::Ready(Ok(packet)) = session.poll_packet(&context) {
        let mut text = Vec::new();
        packet.append_to(&mut text);
        all.push(String::from_utf8(text).unwrap());
    }
    all
}

#[tokio::test]
async fn a_poll_waits_until_there_is_something_and_takes_all_of_it() {
    let (session, _messages) = session();
    let request = session.begin_poll().unwrap();
    let mut poll = pin!(session.poll());
    assert_eq!(poll.as_mut().now_or_never(), None);
    session.send(message("a"));
    session.send(Outgoing::PING);
    assert_eq!(poll.await, b"4a\x1e2");
    request.done();
    assert_eq!(polled(&session), None);
}

#[tokio::test]
async fn a_second_poll_ends_the_session_and_the_first_one() {
    let (session, _messages) = session();
    let request = session.begin_poll().unwrap();
    assert_eq!(session.begin_poll().err(), Some(Overlap));
    assert!(session.has_ended());
    assert_eq!(session.poll().await, b"1");
    request.done();
}

#[tokio::test]
async fn a_request_that_is_given_up_ends_the_session() {
    for begin in [Session::begin_poll, Session::begin_post] {
        let (session, _messages) = session();
        begin(&session).unwrap().done();
        assert!(!session.has_ended());
        drop(begin(&session).unwrap());
        assert!(session.has_ended());
    }
}

#[tokio::test]
async fn a_poll_of_a_client_that_leaves_is_ended() {
    let (session, _messages) = session();
    session.send(message("late"));
    assert_eq!(session.receive(Ok(Incoming::Close)).await, Ok(()));
    assert_eq!(polled(&session).as_deref(), Some("6"));
}

#[tokio::test]
async fn what_waits_is_told_before_the_end() {
    let (session, _messages) = session();
    session.send(message("a"));
    session.close(Close::Normal);
    session.send(message("too late"));
    assert_eq!(session.told().now_or_never(), None);
    assert_eq!(polled(&session).as_deref(), Some("4a\x1e1"));
    assert_eq!(session.told().now_or_never(), Some(()));
}

#[tokio::test]
async fn only_who_shall_not_come_back_is_told_of_the_end() {
    for (close, last) in [
        (Close::Normal, "1"),
        (Close::BrokenProtocol, "1"),
        (Close::GoingAway, "6"),
        (Close::TooSlow, "6"),
    ] {
        let (session, _messages) = session();
        session.close(close);
        assert_eq!(polled(&session).as_deref(), Some(last), "{close:?}");
    }
}

#[tokio::test]
async fn a_body_is_not_longer_than_it_may_be() {
    let (session, _messages) = session();
    let long = "x".repeat(600_000);
    session.send(message(&long));
    session.send(message(&long));
    session.close(Close::Normal);
    assert_eq!(polled(&session).map(|body| body.len()), Some(600_001));
    assert_eq!(polled(&session).map(|body| body.len()), Some(600_003));
}

#[tokio::test]
async fn a_body_has_sixteen_packets_at_most() {
    let (session, _messages) = session();
    (0..32).for_each(|_| session.send(message("x")));
    session.close(Close::Normal);
    let count = |body: Option<String>| body.map(|body| body.split('\x1e').count());
    assert_eq!(count(polled(&session)), Some(16));
    assert_eq!(count(polled(&session)), Some(16));
    assert_eq!(polled(&session).as_deref(), Some("1"), "the end is one more");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_on_the_way_to_a_websocket() {
    let (session, _messages) = session();
    assert!(session.step(Transport::Polling, Transport::Probing));
    assert!(!session.step(Transport::Polling, Transport::Probing), "one socket at a time");
    session.send(message("a"));
    assert_eq!(polled(&session).as_deref(), Some("4a"));
    let request = session.begin_poll().unwrap();
    let mut poll = pin!(session.poll());
    assert_eq!(poll.as_mut().now_or_never(), None);
    assert!(session.step(Transport::Probing, Transport::Moving));
    assert_eq!(poll.await, b"6", "the poll that waits is ended");
    request.done();
    session.send(message("b"));
    assert_eq!(polled(&session).as_deref(), Some("4b"));
    session.send(message("c"));
    let request = session.begin_poll().unwrap();
    assert!(session.step(Transport::Moving, Transport::WebSocket));
    assert_eq!(session.poll().await, b"6", "nothing more goes the old way");
    request.done();
    session.send(message("d"));
    assert_eq!(taken(&session), ["4c", "4d"]);
    assert_eq!(taken(&session), [""; 0]);
}

#[tokio::test]
async fn a_websocket_waits_for_what_was_posted_before() {
    let (session, _messages) = session();
    let post = session.begin_post().unwrap();
    assert_eq!(session.posted().now_or_never(), None);
    post.done();
    assert_eq!(session.posted().now_or_never(), Some(()));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let (session, _messages) = session();
    assert_eq!(session.has_room().now_or_never(), Some(()));
    (0..MAX_PACKETS).for_each(|_| session.send(message("x")));
    assert_eq!((session.has_ended(), session.has_room().now_or_never()), (false, None));
    session.send(message("one too many"));
    assert!(session.has_ended());
    assert_eq!(session.has_room().now_or_never(), Some(()), "nobody waits for it");
    assert_eq!(taken(&session), [""; 0]);
    assert_eq!(session.poll_packet(&Context::from_waker(Waker::noop())), Poll::Ready(Err(Close::TooSlow)));
}

#[tokio::test]
async fn nothing_more_is_read_while_the_door_is_busy() {
    let (session, mut messages) = session();
    for _ in 0..MAX_UNREAD {
        session.receive(said("x")).await.unwrap();
    }
    {
        let mut third = pin!(session.receive(said("y")));
        assert_eq!(third.as_mut().now_or_never(), None);
        assert_eq!(messages.recv().await, Some(Message::Text("x".to_owned())));
        assert_eq!(third.await, Ok(()));
    }
    let mut fourth = pin!(session.receive(said("z")));
    assert_eq!(fourth.as_mut().now_or_never(), None);
    session.cut(Close::Normal);
    assert_eq!(fourth.await, Ok(()), "the end ends this, too");
}

#[tokio::test]
async fn what_is_no_packet_ends_the_session() {
    let (session, _messages) = session();
    assert_eq!(session.receive(Err(Unreadable)).await, Err(Unreadable));
    assert!(session.has_ended());
}

#[tokio::test]
async fn too_many_signs_of_life_end_the_session() {
    let limits = Limits {
        bytes_per_second: 1,
        ..Limits::OFF
    };
    let (session, _messages) = Session::new("sid".to_owned(), Transport::Polling, &limits);
    let free = 64 * 1024 / MESSAGE_COST;
    for _ in 0..free {
        assert!(session.pay(MESSAGE_COST));
    }
    assert!(!session.pay(MESSAGE_COST), "it is not answered any more");
    for _ in 0..98 {
        session.receive(Ok(Incoming::Alive(0))).await.unwrap();
    }
    assert!(!session.has_ended());
    session.receive(Ok(Incoming::Alive(0))).await.unwrap();
    assert!(session.has_ended());
    assert_eq!(
        session.poll_packet(&Context::from_waker(Waker::noop())),
        Poll::Ready(Err(Close::TooManyRequests))
    );
}

#[test]
fn what_a_session_refuses_at_once_is_no_request_of_it() {
    let (session, _messages) = session();
    let answers = |session: &Session| [Method::GET, Method::POST, Method::PUT].map(|method| session.answers(&method));
    assert_eq!(answers(&session), [true, true, false]);
    session.close(Close::Normal);
    assert_eq!(answers(&session), [true, false, false], "the end is still to be told");
    let (session, _messages) = Session::new("sid".to_owned(), Transport::WebSocket, &Limits::OFF);
    assert_eq!(answers(&session), [false; 3]);
}

#[tokio::test]
async fn a_session_that_asks_too_often_waits() {
    let limits = Limits {
        requests_per_minute: 60,
        ..Limits::OFF
    };
    let (session, _messages) = Session::new("sid".to_owned(), Transport::Polling, &limits);
    for _ in 0..60 {
        assert_eq!(session.allow().now_or_never(), Some(()));
    }
    assert_eq!(session.allow().now_or_never(), None);
    assert!(!session.has_ended());
}
