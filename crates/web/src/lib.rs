//! What the browser gets, embedded in the binary: served from memory, with a hash that tells whether the browser has it.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, get, web};
use rust_embed::RustEmbed;
use std::fmt::Write;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// The paths of all files: `/assets/…`.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(asset);
}

#[get("/assets/{path:.*}")]
async fn asset(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let Some(file) = Assets::get(&path) else {
        return HttpResponse::NotFound().finish();
    };
    let etag = etag(&file.metadata.sha256_hash());
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    if known {
        return HttpResponse::NotModified().insert_header((ETAG, etag)).finish();
    }
    HttpResponse::Ok()
        .content_type(file.metadata.mimetype())
        // Asked again each time, since a new binary has new files under the same names; the hash makes the answer short.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, etag))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(file.data.into_owned())
}

fn etag(hash: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in hash.iter().take(8) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, test};

    #[actix_web::test]
    async fn a_file_is_served_once_and_then_known() {
        let app = test::init_service(App::new().configure(routes)).await;
        let first = test::call_service(&app, test::TestRequest::get().uri("/assets/shared/pages.css").to_request()).await;
        assert_eq!(first.status(), 200);
        let header = |name: &str| first.headers().get(name).cloned();
        assert_eq!(header("content-type").as_ref().map(|value| value.as_bytes()), Some(&b"text/css"[..]));
        let etag = header("etag").unwrap();
        let again = test::TestRequest::get()
            .uri("/assets/shared/pages.css")
            .insert_header((IF_NONE_MATCH, etag))
            .to_request();
        assert_eq!(test::call_service(&app, again).await.status(), 304);
        for missing in ["/assets/", "/assets/../Cargo.toml", "/assets/shared"] {
            let answer = test::call_service(&app, test::TestRequest::get().uri(missing).to_request()).await;
            assert_eq!(answer.status(), 404, "{missing}");
        }
    }
}
