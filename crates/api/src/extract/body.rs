use crate::problem::{Code, FieldError, Problem};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// The most bytes of a JSON body.
pub const MAX_BODY: usize = 1024 * 1024;

/// So much of a body that is too large is read and thrown away: a client that is still writing would not see the answer.
const MAX_DRAINED: usize = 16 * 1024 * 1024;

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
            let bytes = read(payload).await?;
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
            let bytes = read(payload).await?;
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
            let bytes = read(payload).await?;
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Self(T::default()));
            }
            must_be_json(&request)?;
            parse::<Option<T>>(&bytes).map(|body| Self(body.unwrap_or_default()))
        })
    }
}

async fn read(mut payload: Payload) -> Result<web::BytesMut, Problem> {
    let mut bytes = web::BytesMut::new();
    let mut total = 0;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::InvalidInput, "The body broke off; send the request again."))?;
        total += chunk.len();
        if total <= MAX_BODY {
            bytes.extend_from_slice(&chunk);
        } else if total > MAX_DRAINED {
            break;
        }
    }
    if total > MAX_BODY {
        return Err(Problem::new(
            Code::TooLarge,
            format!("The body has more than {MAX_BODY} bytes; send less at once."),
        ));
    }
    Ok(bytes)
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
