//! Files, up and down.

use super::CloudApi;
use super::client::{base, read, send, url};
use super::error::{bare, foreign};
use crate::outgoing::Trust;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use parlor_domain::attachment::{Chunks, FileError};
use parlor_domain::whatsapp::{Answered, FileToSend, GraphError, IncomingMedia, Number, SendFailure};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, Response, StatusCode, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

/// Where the platform keeps files, beside its own host.
const FILE_HOST: &str = "lookaside.fbsbx.com";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl CloudApi {
    /// The file travels as it is read, with its length known before.
    pub(super) async fn take_up(&self, number: &Number, file: FileToSend) -> Answered<String> {
        let unfit = |_| refused(131_053, "the file is of no media type");
        let part = Part::stream_with_length(Body::wrap_stream(file.chunks), file.size)
            .file_name(file.name.as_str().to_owned())
            .mime_str(&file.mime)
            .map_err(unfit)?;
        let form = Form::new().text("messaging_product", "whatsapp").text("type", file.mime).part("file", part);
        let to = url(number, &[&number.phone_number_id, "media"])?;
        let answer = self
            .ask(self.request(Method::POST, to, number)?.multipart(form), self.patience.media)
            .await?
            .good(number)?;
        let id = answer.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        id.map(str::to_owned).ok_or_else(|| foreign("WhatsApp took the file and gave no id"))
    }

    pub(super) async fn bring_down(&self, number: &Number, media_id: &str) -> Answered<IncomingMedia> {
        let until = Instant::now() + self.patience.media;
        let mut place = self.place_of(number, media_id).await?;
        let mut response = self.fetch(number, &place, until).await?;
        if response.status() == StatusCode::NOT_FOUND {
            // Links live five minutes; this one may have been made before.
            place = self.place_of(number, media_id).await?;
            response = self.fetch(number, &place, until).await?;
        }
        let status = response.status();
        if status != StatusCode::OK {
            return Err(read(response, until).await.objection(number).unwrap_or_else(|| bare(status)));
        }
        Ok(IncomingMedia {
            mime: place.mime,
            sha256: place.sha256,
            size: place.size,
            chunks: chunks(response, until),
        })
    }

    async fn place_of(&self, number: &Number, media_id: &str) -> Answered<Place> {
        let place = url(number, &[media_id]).map_err(|_| never("the file has no id that can be asked for"))?;
        let request = self.request(Method::GET, place, number)?;
        let facts = self.ask(request, self.patience.whole).await?.good(number)?;
        let words = |name: &str| facts.get(name).and_then(Value::as_str);
        let size = facts.get("file_size");
        let link = words("url").and_then(|link| Url::parse(link).ok());
        let (link, trust) = match link.and_then(|link| Some((trust_in(&link, number)?, link))) {
            Some((trust, link)) => (link, trust),
            None => return Err(never("the place that WhatsApp names for the file is not its own")),
        };
        Ok(Place {
            link,
            trust,
            mime: words("mime_type").map(str::to_owned),
            sha256: words("sha256").and_then(hash),
            size: size.and_then(Value::as_u64).or_else(|| size?.as_str()?.parse().ok()),
        })
    }

    async fn fetch(&self, number: &Number, place: &Place, until: Instant) -> Answered<Response> {
        send(self.request_to(Method::GET, place.link.clone(), number, place.trust)?, until).await
    }
}

/// Refused as the platform would: asking again changes nothing.
fn never(words: &str) -> SendFailure {
    refused(131_052, words)
}

fn refused(code: i64, words: &str) -> SendFailure {
    SendFailure::Refused(GraphError {
        code,
        message: words.to_owned(),
        foreign: false,
    })
}

/// Where a file is, and what is said of it.
struct Place {
    link: Url,
    trust: Trust,
    mime: Option<String>,
    sha256: Option<[u8; 32]>,
    size: Option<u64>,
}

/// The token goes along, so a link must lead to the platform: to where the request for it went, over the same kind of connection, or
/// to the host that it keeps its files on. `None` for any other place.
fn trust_in(link: &Url, number: &Number) -> Option<Trust> {
    let base = base(number).ok()?;
    if !link.username().is_empty() || link.password().is_some() {
        return None;
    }
    // A machine has several names for itself.
    let same_host = link.host_str().is_some() && (link.host() == base.host() || is_loopback(link) && is_loopback(&base));
    if same_host && link.port_or_known_default() == base.port_or_known_default() && link.scheme() == base.scheme() {
        return Some(if number.by_operator { Trust::Operator } else { Trust::Settings });
    }
    let of_files = link.scheme() == "https" && link.host_str() == Some(FILE_HOST) && link.port().is_none();
    of_files.then_some(Trust::Settings)
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// SHA-256 in hex, as the platform says it of a file, or in Base64, as it does in messages.
fn hash(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() != 64 {
        return BASE64.decode(text).ok()?.try_into().ok();
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn chunks(response: Response, until: Instant) -> Chunks {
    let next = move |mut response: Response| async move {
        let chunk: Option<Bytes> = match timeout_at(until, response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(_)) => return Err(FileError("the file broke off on its way from WhatsApp".to_owned())),
            Err(_) => return Err(FileError("the file did not come from WhatsApp in time".to_owned())),
        };
        Ok(chunk.map(|chunk| (chunk, response)))
    };
    stream::try_unfold(response, next).boxed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use parlor_domain::id::{ChannelId, WorkspaceId};
    use uuid::Uuid;

    fn trust(link: &str, base: &str, by_operator: bool) -> Option<Trust> {
        let number = Number {
            channel_id: ChannelId(Uuid::nil()),
            workspace_id: WorkspaceId(Uuid::nil()),
            phone_number_id: "830000000000001".to_owned(),
            base_url: base.to_owned(),
            by_operator,
            version: "v26.0".to_owned(),
            access_token: None,
        };
        trust_in(&Url::parse(link).unwrap(), &number)
    }

    #[test]
    fn the_token_goes_to_the_platform_only() {
        const GRAPH: &str = "https://graph.facebook.com";
        const HERE: &str = "http://127.0.0.1:8080";
        for (link, base, by_operator, expected) in [
            ("https://lookaside.fbsbx.com/whatsapp?mid=1", GRAPH, true, Some(Trust::Settings)),
            ("https://graph.facebook.com/x", GRAPH, true, Some(Trust::Operator)),
            ("https://graph.facebook.com/x", GRAPH, false, Some(Trust::Settings)),
            ("http://127.0.0.1:8080/x", HERE, true, Some(Trust::Operator)),
            ("http://localhost:8080/x", HERE, true, Some(Trust::Operator)),
            ("http://[::1]:8080/x", HERE, true, Some(Trust::Operator)),
            ("https://lookaside.fbsbx.com/x", HERE, true, Some(Trust::Settings)),
            ("http://lookaside.fbsbx.com/x", GRAPH, true, None),
            ("http://lookaside.fbsbx.com/x", HERE, true, None),
            ("https://lookaside.fbsbx.com:8443/x", GRAPH, true, None),
            ("https://lookaside.fbsbx.com.example.com/x", GRAPH, true, None),
            ("https://x@lookaside.fbsbx.com/x", GRAPH, true, None),
            ("https://lookaside.fbsbx.com@example.com/x", GRAPH, true, None),
            ("http://graph.facebook.com/x", GRAPH, true, None),
            ("https://graph.facebook.com:8443/x", GRAPH, true, None),
            ("https://example.com/x", GRAPH, true, None),
            ("http://127.0.0.1:9090/x", HERE, true, None),
            ("http://127.0.0.1/x", GRAPH, true, None),
            ("http://169.254.169.254/latest", HERE, true, None),
            ("file:///etc/passwd", HERE, true, None),
            ("data:text/plain,x", HERE, true, None),
        ] {
            assert_eq!(trust(link, base, by_operator), expected, "{link} from {base}");
        }
    }

    #[test]
    fn a_hash_is_read_in_both_ways_of_writing_it() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let read = hash(hex);
        assert_eq!(read.map(|bytes| bytes[0]), Some(0xe3));
        for same in [
            hex.to_uppercase().as_str(),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU ",
        ] {
            assert_eq!(hash(same), read, "{same}");
        }
        for wrong in ["", "AAAA", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
