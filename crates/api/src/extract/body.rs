use crate::problem::{Code, FieldError, Problem};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// The most bytes of a JSON body.
pub const MAX_BODY: usize = 1024 * 1024;

/// So much of a body that is too large is read and thrown away: a client that is still writing would not see the answer.
const MAX_DRAINED: usize = 16 * 1024 * 1024;

/// So much of a body is held without asking for room.
const SMALL: usize = 64 * 1024;

/// How long is waited for a body.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// The longest that nothing may come, and that is waited for room.
    silence: Duration,
    /// The longest that all of it may take.
    whole: Duration,
}

const PATIENCE: Patience = Patience {
    silence: Duration::from_secs(10),
    whole: Duration::from_secs(30),
};

/// A JSON body of type `T`.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// A JSON body that may also be called `text/plain`, or nothing: so browsers name what they send while a page closes
/// (`navigator.sendBeacon`).
#[derive(Debug)]
pub struct BeaconBody<T>(pub T);

/// A JSON body that may be missing or `null`: then it is `T::default()`.
#[derive(Debug)]
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read_body(payload, MAX_BODY).await?;
            must_be_json(&request)?;
            parse(&bytes).map(Body)
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for BeaconBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read_body(payload, MAX_BODY).await?;
            let kind = request.content_type();
            if !kind.is_empty() && !kind.eq_ignore_ascii_case("text/plain") {
                must_be_json(&request)?;
            }
            parse(&bytes).map(Self)
        })
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read_body(payload, MAX_BODY).await?;
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Self(T::default()));
            }
            must_be_json(&request)?;
            parse::<Option<T>>(&bytes).map(|body| Self(body.unwrap_or_default()))
        })
    }
}

/// Reads a whole body of at most `max` bytes, as they came over the wire.
///
/// # Errors
/// It has more, broke off, or came too slowly.
pub async fn read_body(payload: Payload, max: usize) -> Result<web::BytesMut, Problem> {
    read(payload, max, None, PATIENCE).await.map(|(bytes, _)| bytes)
}

/// The same for a body that anybody may send and that is larger than others: only so many are held at a time. It has its room until the
/// permit is dropped; a small one needs none.
///
/// # Errors
/// The same, or there is no room in time.
pub async fn read_large_body(payload: Payload, max: usize, room: &'static Semaphore) -> Result<(web::BytesMut, Option<SemaphorePermit<'static>>), Problem> {
    read(payload, max, Some(room), PATIENCE).await
}

async fn read<'a>(
    mut payload: Payload,
    max: usize,
    room: Option<&'a Semaphore>,
    patience: Patience,
) -> Result<(web::BytesMut, Option<SemaphorePermit<'a>>), Problem> {
    let end = Instant::now() + patience.whole;
    let soon = || end.min(Instant::now() + patience.silence);
    let (mut bytes, mut permit) = (web::BytesMut::new(), None);
    let mut total = 0;
    let mut refused = None;
    loop {
        let chunk = match timeout_at(soon(), payload.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(refused.unwrap_or_else(|| Problem::new(Code::InvalidInput, "The body broke off; send the request again."))),
            Err(_) => return Err(refused.unwrap_or_else(too_slow)),
        };
        total += chunk.len();
        if total > max {
            refused = Some(Problem::new(Code::TooLarge, format!("The body has more than {max} bytes; send less at once.")));
        } else if let Some(room) = room.filter(|_| total > SMALL && permit.is_none() && refused.is_none()) {
            match timeout_at(soon(), room.acquire()).await {
                Ok(Ok(free)) => permit = Some(free),
                Ok(Err(_)) | Err(_) => refused = Some(no_room()),
            }
        }
        if refused.is_none() {
            bytes.extend_from_slice(&chunk);
        } else if total > MAX_DRAINED {
            break;
        } else {
            // What is only drained is not held.
            (bytes, permit) = (web::BytesMut::new(), None);
        }
    }
    refused.map_or(Ok((bytes, permit)), Err)
}

fn too_slow() -> Problem {
    Problem::new(
        Code::InvalidInput,
        "The body took too long or stood still; send the request again over a better line.",
    )
}

fn no_room() -> Problem {
    Problem::new(Code::Unavailable, "Too many large bodies come at the same time; send the request again.")
}

fn must_be_json(request: &HttpRequest) -> Result<(), Problem> {
    let named = request.headers().contains_key(CONTENT_TYPE);
    let essence = request.content_type();
    let subtype = essence.rsplit('/').next().unwrap_or_default();
    if named && (essence.eq_ignore_ascii_case("application/json") || (essence.starts_with("application/") && subtype.ends_with("+json"))) {
        return Ok(());
    }
    Err(Problem::new(
        Code::UnsupportedMediaType,
        "Send the body as JSON with `Content-Type: application/json`.",
    ))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // First the whole body: a field that is wrong says nothing about text that breaks off behind it.
    let text = std::str::from_utf8(bytes).map_err(|cause| not_text(bytes, cause.valid_up_to()))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|cause| not_json(&cause))?;
    // A struct is read from an array, too: its fields in their order. That is nothing to promise.
    if text.trim_start().starts_with('[') {
        return Err(Problem::field("body", "must be a JSON object"));
    }
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text))
        .map_err(|error| Problem::fields(vec![wrong_field(&error.path().to_string(), error.inner())]))
}

/// A list of objects, or null, inside a body. Serde would take lists for them, too: their fields in their order, which is nothing to promise.
///
/// # Errors
/// It is something else.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    struct Object<T>(T);

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Fields(PhantomData)).map(Self)
        }
    }

    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    let all = Option::<Vec<Object<T>>>::deserialize(deserializer)?;
    Ok(all.map(|all| all.into_iter().map(|Object(one)| one).collect()))
}

/// What is wrong with valid JSON, by the place where it is wrong; `body` for the whole.
pub(crate) fn wrong_field(path: &str, cause: &serde_json::Error) -> FieldError {
    let detail = match plain(cause) {
        detail if cause.is_data() => detail,
        // Valid JSON is not expected any more, so it is a word.
        detail if detail == "expected value" => "must be one of the documented words".to_owned(),
        detail => format!("cannot be read at line {}, column {}: {detail}", cause.line(), cause.column()),
    };
    let (field, detail) = place(path, detail);
    FieldError { field, detail }
}

/// Names the field that is wrong, and what it should be. What the client sent instead is not repeated: details are logged, and it may
/// be a password or a message.
fn place(path: &str, detail: String) -> (String, String) {
    let missing = detail.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let wrong = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .any(|kind| detail.starts_with(kind));
    let (name, detail) = match (missing, detail.rsplit_once(", expected ")) {
        (Some(name), _) => (Some(name.to_owned()), "is required".to_owned()),
        (None, Some((_, wanted))) if wrong => (None, format!("must be {}", wanted_in_words(wanted))),
        (None, _) => (None, detail),
    };
    let field = match (name, path) {
        (Some(name), ".") => name,
        (Some(name), _) => format!("{path}.{name}"),
        (None, ".") => "body".to_owned(),
        (None, _) => path.to_owned(),
    };
    (field, detail)
}

fn wanted_in_words(wanted: &str) -> &str {
    match wanted {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not too large",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a JSON object",
        other if other.starts_with("struct ") => "a JSON object",
        other => other,
    }
}

/// The message without "at line …", which says nothing about a field of the right syntax.
fn plain(cause: &serde_json::Error) -> String {
    let text = cause.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

fn not_text(bytes: &[u8], valid_up_to: usize) -> Problem {
    let before = bytes.get(..valid_up_to).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
    broken("not UTF-8", line, column)
}

fn not_json(cause: &serde_json::Error) -> Problem {
    broken(&plain(cause), cause.line(), cause.column())
}

fn broken(reason: &str, line: usize, column: usize) -> Problem {
    let detail = format!("The body is not valid JSON: {reason} at line {line}, column {column}.");
    let errors = vec![FieldError {
        field: "body".to_owned(),
        detail: format!("is not valid JSON at line {line}, column {column}"),
    }];
    Problem {
        errors,
        ..Problem::new(Code::InvalidInput, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::error::PayloadError;
    use actix_web::web::Bytes;
    use futures_util::stream::{self, Stream};
    use std::pin::Pin;

    const SHORT: Patience = Patience {
        silence: Duration::from_millis(40),
        whole: Duration::from_millis(200),
    };

    fn payload(stream: impl Stream<Item = Bytes> + 'static) -> Payload {
        let stream: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(stream.map(Ok));
        Payload::from(stream)
    }

    /// So many bytes in pieces of 1 KiB.
    fn pieces(bytes: usize) -> impl Stream<Item = Bytes> + 'static {
        stream::iter((0..bytes / 1_024).map(|_| Bytes::from_static(&[b'a'; 1_024])))
    }

    fn code<T>(read: Result<T, Problem>) -> Option<Code> {
        read.err().map(|problem| problem.code)
    }

    #[tokio::test]
    async fn a_body_that_stands_still_or_trickles_ends() {
        let still = payload(pieces(2_048).chain(stream::pending()));
        assert_eq!(code(read(still, MAX_BODY, None, SHORT).await), Some(Code::InvalidInput));
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((Bytes::from_static(b"a"), ()))
        });
        assert_eq!(code(read(payload(trickle), MAX_BODY, None, SHORT).await), Some(Code::InvalidInput));
        let large_and_still = payload(pieces(4_096).chain(stream::pending()));
        assert_eq!(
            code(read(large_and_still, 2_048, None, SHORT).await),
            Some(Code::TooLarge),
            "what is known already is said"
        );
    }

    #[tokio::test]
    async fn large_bodies_wait_for_room_and_small_ones_do_not() {
        let room = Semaphore::new(1);
        let large = || payload(pieces(2 * SMALL));
        let (bytes, permit) = read(large(), MAX_BODY, Some(&room), SHORT).await.unwrap();
        assert_eq!((bytes.len(), room.available_permits()), (2 * SMALL, 0));
        let refused = read(large(), MAX_BODY, Some(&room), SHORT).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::Unavailable, Some(1)));
        let small = read(payload(pieces(SMALL)), MAX_BODY, Some(&room), SHORT).await.unwrap();
        assert!(small.0.len() == SMALL && small.1.is_none());
        drop(permit);
        assert!(read(large(), MAX_BODY, Some(&room), SHORT).await.is_ok());
        assert_eq!(code(read(large(), SMALL, Some(&room), SHORT).await), Some(Code::TooLarge));
        let waits = read(large(), MAX_BODY, Some(&room), PATIENCE);
        let held = room.acquire().await.unwrap();
        let free = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(held);
        };
        assert!(futures_util::future::join(waits, free).await.0.is_ok());
        assert_eq!(room.available_permits(), 1);
    }

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only its parsing is tested")]
    struct Thing {
        name: String,
        inner: Option<Vec<i64>>,
        #[serde(default, deserialize_with = "objects")]
        others: Option<Vec<Thing>>,
    }

    #[test]
    fn what_is_wrong_is_named_by_field_or_position() {
        let wrong = parse::<Thing>(br#"{"name": "a", "inner": [1, "x"]}"#).unwrap_err();
        assert_eq!(wrong.errors.first().map(|e| e.field.as_str()), Some("inner[1]"));
        for (body, detail) in [
            (&br#"{"name": 4711}"#[..], "must be a string"),
            (br#""secret""#, "must be a JSON object"),
            (br#"{"name": "a", "inner": "secret"}"#, "must be a list"),
        ] {
            let errors = parse::<Thing>(body).unwrap_err().errors;
            assert_eq!(errors.first().map(|e| e.detail.as_str()), Some(detail), "what was sent is not repeated");
        }
        for (body, field, detail) in [
            (
                &br#"{"name": "a", "others": [{"name": "b"}, ["c", null, null]]}"#[..],
                "others[1]",
                "must be a JSON object",
            ),
            (br#"{"name": "a", "others": [null]}"#, "others[0]", "must be a JSON object"),
            (br#"{"name": "a", "others": {"name": "b"}}"#, "others", "must be a list"),
            (br#"{"name": "a", "others": [{"inner": null}]}"#, "others[0].name", "is required"),
            (
                br#"{"name": "a", "others": [{"name": "b", "inner": ["x"]}]}"#,
                "others[0].inner[0]",
                "must be a whole number that is not too large",
            ),
        ] {
            let errors = parse::<Thing>(body).unwrap_err().errors;
            assert_eq!(errors.first().map(|e| (e.field.as_str(), e.detail.as_str())), Some((field, detail)));
        }
        let nested = parse::<Thing>(br#"{"name": "a", "inner": null, "others": [{"name": "b", "inner": [1], "others": null}]}"#);
        assert_eq!(nested.unwrap().others.map(|others| others.len()), Some(1));
        let cut = parse::<Thing>(br#"{"name": "a""#).unwrap_err();
        assert!(cut.detail.contains("line 1"), "{}", cut.detail);
        assert_eq!(parse::<Thing>(b"{}").unwrap_err().errors.first().map(|e| e.field.as_str()), Some("name"));
        assert_eq!(
            parse::<Thing>(br#"["a", null]"#).unwrap_err().errors.first().map(|e| e.field.as_str()),
            Some("body")
        );
        for bad in [&br#"{"name":"\ud800"}"#[..], b"{\"name\":\"\xff\"}", b"{} {}", b"", b"[", b"nul"] {
            assert_eq!(parse::<Thing>(bad).unwrap_err().code, Code::InvalidInput);
        }
    }
}
