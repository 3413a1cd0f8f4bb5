//! The side that is called: one connection, request after request.

use super::answer::{Reply, answer, endpoint, taken};
use super::call::Call;
use super::error::GraphError;
use super::number::next_id;
use super::report;
use super::rule::{Endpoint, Outcome};
use super::state::{Sending, State};
use super::wire::{Head, header, read_body, read_head, written};
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Answers until the other side has nothing more to ask, or the connection is to break.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    let (mut input, mut output) = stream.into_split();
    let mut unread = Vec::new();
    while let Some(head) = read_head(&mut input, &mut unread).await? {
        let endpoint = endpoint(&state.lock(), &head);
        if state.lock().closes_unread(endpoint) {
            state.record(call(endpoint, &head, Value::Null));
            return Ok(());
        }
        if header(&head.headers, "expect").is_some() {
            output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = read_body(&mut input, &mut unread, &head.headers).await?;
        let Done { answer, accepted, outcome } = done(&state, endpoint, &head, &body);
        match outcome {
            Some(Outcome::Waits(time)) => tokio::time::sleep(time).await,
            Some(Outcome::WaitsFor(gate)) => gate.passed().await,
            _ => {}
        }
        let rest = match accepted {
            Some((wamid, sending)) => report::before_answer(&state, &wamid, &sending).await,
            None => None,
        };
        if let Some(answer) = &answer {
            output.write_all(answer).await?;
        }
        if let Some(rest) = rest {
            tokio::spawn(rest.deliver(Arc::clone(&state)));
        }
        if answer.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// What came of a request: the bytes to answer, or none at all.
struct Done {
    answer: Option<Vec<u8>>,
    accepted: Option<(String, Box<Sending>)>,
    outcome: Option<Outcome>,
}

fn done(state: &State, endpoint: Endpoint, head: &Head, body: &[u8]) -> Done {
    let mut call = call(endpoint, head, serde_json::from_slice(body).unwrap_or_default());
    if call.endpoint == Endpoint::Send && call.body.get("status").is_some() {
        call.endpoint = Endpoint::MarkRead;
    }
    let mut inner = state.lock();
    let reply = answer(&mut inner, head, body, &mut call);
    let sending = match &reply {
        Ok(Reply::Message(sending)) => Some(sending),
        _ => None,
    };
    let outcome = match &reply {
        Ok(_) => inner.take_rule(call.endpoint, sending.map(|sending| &**sending)),
        Err(_) => None,
    };
    let refused = matches!(outcome, Some(Outcome::Fails(_) | Outcome::Page(_) | Outcome::Closes | Outcome::Redirects(_)));
    if let (true, Some(upload)) = (refused, &mut call.upload) {
        // Nobody hears of its id, so nobody may use it.
        upload.media_id.take().map(|id| inner.media.remove(&id));
    }
    drop(inner);
    let mut accepted = None;
    let mut answer = match reply {
        Err(error) => Some(refusal(&mut call, &error)),
        Ok(Reply::Json(value)) => Some(json_answer(200, &value)),
        Ok(Reply::File { mime_type, bytes }) => Some(written(200, &[("Content-Type", &mime_type)], &bytes)),
        Ok(Reply::Gone) => Some(written(404, &[("Content-Type", "text/plain")], b"")),
        Ok(Reply::Message(_)) if refused => None,
        Ok(Reply::Message(mut sending)) => {
            let wamid = format!("wamid.SENT{}", next_id());
            call.wamid = Some(wamid.clone());
            if let Some(Outcome::AcceptsThenFails(code)) = outcome {
                sending.fails_later = Some(code);
            }
            let answer = json_answer(200, &taken(&wamid, &sending));
            accepted = Some((wamid, sending));
            Some(answer)
        }
    };
    match &outcome {
        Some(Outcome::Fails(error)) => answer = Some(refusal(&mut call, error)),
        Some(Outcome::Page(status)) => {
            let page = format!("<html><body><h1>{status}</h1></body></html>\n");
            answer = Some(written(*status, &[("Content-Type", "text/html")], page.as_bytes()));
        }
        Some(Outcome::Redirects(url)) => answer = Some(written(302, &[("Location", url)], b"")),
        Some(Outcome::Closes | Outcome::AcceptsAndCloses) => answer = None,
        _ => {}
    }
    state.record(call);
    Done { answer, accepted, outcome }
}

fn refusal(call: &mut Call, error: &GraphError) -> Vec<u8> {
    call.error = Some(error.code);
    json_answer(error.status(), &error.body())
}

fn json_answer(status: u16, value: &Value) -> Vec<u8> {
    written(status, &[("Content-Type", "application/json; charset=UTF-8")], value.to_string().as_bytes())
}

fn call(endpoint: Endpoint, head: &Head, body: Value) -> Call {
    Call {
        endpoint,
        method: head.method.clone(),
        path: head.path.clone(),
        headers: head.headers.clone(),
        body,
        upload: None,
        at: Instant::now(),
        wamid: None,
        error: None,
    }
}
