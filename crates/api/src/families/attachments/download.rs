//! Giving a file to whoever has a signed link.

use super::{no_file, refused};
use crate::extract::PathId;
use crate::families::shared::{CommonProblems, NotFoundProblem};
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;
use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, get, web};
use futures_util::{Stream, StreamExt};
use parlor_domain::attachment::{Chunks, FileError, FileName, is_inline_image};
use parlor_domain::id::AttachmentId;
use serde::Deserialize;
use std::fmt::Write;
use std::future::ready;
use utoipa::IntoParams;

/// The proof of a link.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LinkParams {
    /// When it ends, in Unix seconds.
    #[param(value_type = Option<i64>, required = true, nullable = false, example = 1_795_165_203)]
    exp: Option<String>,
    /// The server's signature.
    #[param(required = true, nullable = false, example = "q83vEjRW")]
    sig: Option<String>,
}

/// Get a file
///
/// By a link from a message, which is the whole proof and good for an hour. A link that ended or was made up is 404. One range of bytes may be
/// asked for.
#[utoipa::path(path = "/api/attachments/{id}/{name}", tag = "Attachments", security(()),
    params(("id" = Uuid, Path, description = "The file"), ("name" = String, Path, description = "Its name, for people"), LinkParams,
        ("Range" = Option<String>, Header, description = "One range, such as `bytes=0-1023`; with `If-Range` it is not looked at", nullable = false)),
    responses(
        (status = 200, description = "The file; `Content-Disposition: attachment` for all but pictures that are safe to show", content_type = "*/*", body = String),
        (status = 206, description = "The part of the file that was asked for", content_type = "*/*", body = String),
        (status = 416, description = "The file is not that long; `Content-Range` and `detail` say how long it is", body = ProblemBody, content_type = "application/problem+json"),
        NotFoundProblem, CommonProblems))]
#[get("/api/attachments/{id}/{name}")]
pub async fn get_attachment(http: HttpRequest, path: web::Path<(String, String)>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let link = web::Query::<LinkParams>::from_query(http.query_string()).map_err(|_| no_file())?;
    let id: AttachmentId = PathId::parse(&path.0, "file").map_err(|_| no_file())?;
    let exp: i64 = link.exp.as_deref().and_then(|exp| exp.parse().ok()).ok_or_else(no_file)?;
    if !state.links.opens(id, exp, link.sig.as_deref().unwrap_or_default()) {
        return Err(no_file());
    }
    let (attachment, stored) = state.attachments.open(id).await.map_err(refused)?;
    let range = asked(http.headers());
    let part = Part::of(range, stored.size);
    if part == Part::Beyond {
        return Ok(beyond(stored.size));
    }
    let file = &attachment.file;
    let seconds_left = exp.saturating_sub(state.clock.now().millis() / 1_000).max(0);
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, file.mime.as_str()))
        .insert_header((CONTENT_DISPOSITION, disposition(&file.name, is_inline_image(&file.mime))))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"))
        .insert_header((CACHE_CONTROL, format!("private, max-age={seconds_left}")))
        // The widget shows pictures on other sites; who has the link may have the file.
        .insert_header(("cross-origin-resource-policy", "cross-origin"))
        .insert_header((ACCEPT_RANGES, "bytes"));
    let (first, length) = match part {
        Part::Of { first, last } => {
            response.status(StatusCode::PARTIAL_CONTENT);
            response.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{}", stored.size)));
            (first, last - first + 1)
        }
        Part::Whole | Part::Beyond => (0, stored.size),
    };
    Ok(response.body(SizedStream::new(length, cut(stored.chunks, first, length))))
}

/// The range that is asked for. Answers carry nothing by which a client could tell that its first part is of the same file, so a range
/// under that condition is none.
fn asked(headers: &HeaderMap) -> Option<&str> {
    let range = headers.get(RANGE).filter(|_| !headers.contains_key(IF_RANGE))?;
    range.to_str().ok()
}

/// The range begins behind the end.
fn beyond(size: u64) -> HttpResponse {
    let problem = Problem::field("Range", format!("must ask for bytes below {size}, since so many the file has"));
    HttpResponse::RangeNotSatisfiable()
        .insert_header((CONTENT_RANGE, format!("bytes */{size}")))
        .insert_header((CONTENT_TYPE, "application/problem+json"))
        .json(ProblemBody {
            status: StatusCode::RANGE_NOT_SATISFIABLE.as_u16(),
            ..problem.body(crate::request_id::current())
        })
}

/// The header that tells browsers what to do with a file. Its name goes along as RFC 6266 has it, once for those who read ASCII only.
fn disposition(name: &FileName, inline: bool) -> String {
    let kind = if inline { "inline" } else { "attachment" };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '.' | '_' | '(' | ')');
    let plain: String = name.as_str().chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Which part of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Of {
        first: u64,
        last: u64,
    },
    /// It begins behind the end.
    Beyond,
}

impl Part {
    /// Reads one range (RFC 9110, section 14). Several, and what is no range, are answered with the whole file.
    fn of(header: Option<&str>, size: u64) -> Self {
        let range = header.and_then(|header| header.trim().strip_prefix("bytes="));
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
            return Self::Whole;
        };
        let end = size.saturating_sub(1);
        match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
            (Ok(first), _) if first >= size => Self::Beyond,
            (Ok(first), Ok(last)) if first <= last => Self::Of { first, last: last.min(end) },
            (Ok(first), Err(_)) if last.trim().is_empty() => Self::Of { first, last: end },
            // So many from the end.
            (Err(_), Ok(count)) if first.trim().is_empty() && (count == 0 || size == 0) => Self::Beyond,
            (Err(_), Ok(count)) if first.trim().is_empty() => Self::Of {
                first: size.saturating_sub(count),
                last: end,
            },
            _ => Self::Whole,
        }
    }
}

/// `length` bytes from `first` on.
fn cut(chunks: Chunks, first: u64, length: u64) -> impl Stream<Item = Result<web::Bytes, FileError>> {
    let cut = chunks.scan((first, length), |(skip, left), chunk| {
        let cut = chunk.map(|mut chunk| {
            let skipped = usize::try_from(*skip).unwrap_or(usize::MAX).min(chunk.len());
            *skip -= skipped as u64;
            let mut chunk = chunk.split_off(skipped);
            chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= chunk.len() as u64;
            chunk
        });
        // What is behind the end is not read any more.
        let ended = *left == 0 && matches!(&cut, Ok(chunk) if chunk.is_empty());
        ready((!ended).then_some(cut))
    });
    cut.filter(|chunk| ready(!matches!(chunk, Ok(chunk) if chunk.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn one_range_is_understood() {
        for (header, part) in [
            (None, Part::Whole),
            (Some("bytes=0-0"), Part::Of { first: 0, last: 0 }),
            (Some("bytes=2-5"), Part::Of { first: 2, last: 5 }),
            (Some("bytes=2-"), Part::Of { first: 2, last: 9 }),
            (Some("bytes=2-99"), Part::Of { first: 2, last: 9 }),
            (Some("bytes=-3"), Part::Of { first: 7, last: 9 }),
            (Some("bytes=-99"), Part::Of { first: 0, last: 9 }),
            (Some("bytes=10-"), Part::Beyond),
            (Some("bytes=-0"), Part::Beyond),
            (Some("bytes=5-2"), Part::Whole),
            (Some("bytes=0-1,4-5"), Part::Whole),
            (Some("bytes=-"), Part::Whole),
            (Some("lines=0-1"), Part::Whole),
            (Some("bytes=99999999999999999999-"), Part::Whole),
        ] {
            assert_eq!(Part::of(header, 10), part, "{header:?}");
        }
    }

    #[test]
    fn a_range_under_a_condition_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=2-5"));
        assert_eq!(asked(&headers), Some("bytes=2-5"));
        headers.insert(IF_RANGE, HeaderValue::from_static("\"v1\""));
        assert_eq!(asked(&headers), None);
    }

    #[tokio::test]
    async fn a_part_is_cut_out_of_the_chunks() {
        for (first, length, expected) in [(0, 10, "0123456789"), (0, 4, "0123"), (3, 4, "3456"), (4, 4, "4567"), (9, 1, "9"), (8, 2, "89")] {
            let chunks = ["0123", "", "4567", "89"].map(|chunk| Ok(web::Bytes::from_static(chunk.as_bytes())));
            let chunks: Chunks = futures_util::stream::iter(chunks).boxed();
            let parts: Vec<_> = cut(chunks, first, length).map(Result::unwrap).collect().await;
            assert_eq!(parts.concat(), expected.as_bytes(), "{first} {length}");
        }
    }

    #[test]
    fn a_name_is_no_header() {
        let name = FileName::label("Größe 2; x=\"1\"\r\nSet-Cookie.pdf");
        let header = disposition(&name, false);
        assert_eq!(
            header,
            "attachment; filename=\"Gr__e 2_ x__1_Set-Cookie.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%202%3B%20x%3D_1_Set-Cookie.pdf"
        );
        assert!(disposition(&name, true).starts_with("inline; "));
    }
}
