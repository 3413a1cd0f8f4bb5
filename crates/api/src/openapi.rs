//! The OpenAPI document: collected from the handlers, one document for each audience in the menu of Swagger UI.

use crate::problem::ProblemBody;
use std::collections::{BTreeMap, HashSet};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, PathItem};
use utoipa::{Modify, OpenApi};

/// What every document begins with. The order of the tags is the order of the page.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Parlor",
        description = "Customer messaging: visitors write, agents answer, everything is live.\n\n\
            **First conversation.** STEP 1: `POST /api/chats/visitors/` gives a visitor key. STEP 2: `POST /api/chats/sessions/` with it gives a \
            session and its conversation. STEP 3: say something in it, in either of two ways. Ask the assistant: \
            `POST /api/chats/messages/chat/`, or `/api/chats/messages/chat/stream/` to read the answer as it is written. Or write in the room: \
            `POST /api/public/chat-rooms/{id}/send_message/` or the socket `/ws/chat/{id}/`, where `{id}` is the `conversation_id` of STEP 2.\n\n\
            Every path answers with and without its last slash. Errors are problem details (RFC 9457) with a stable `code`."
    ),
    tags(
        (name = "Visitors", description = "STEP 1: a visitor and its key"),
        (name = "Sessions", description = "STEP 2: a visit and its conversation"),
        (name = "Messages", description = "STEP 3: asking the assistant; and what was said"),
        (name = "Rooms", description = "Conversations as their customer sees them; STEP 3: writing in the room"),
        (name = "Marketplace", description = "Customers and sellers talk about a listing, make offers and arrange test drives"),
        (name = "Stored chats", description = "What widgets with an assistant of their own store"),
        (name = "Stored chats for agents", description = "People with the chats that were stored"),
        (name = "WhatsApp", description = "Live chat with customers on WhatsApp, and the webhook of the platform"),
        (name = "Attachments", description = "Files of conversations"),
        (name = "Realtime", description = "Tickets for sockets"),
        (name = "Login", description = "Agents log in"),
        (name = "Conversations", description = "Conversations as agents see them"),
        (name = "Agents", description = "The people on our side"),
        (name = "Channels", description = "Entry points"),
        (name = "Articles", description = "Help that visitors read and the assistant answers from"),
        (name = "Visitors admin", description = "The people on the outside, as agents see them"),
        (name = "Workspace", description = "The tenant, its keys, and follow-up work that failed"),
        (name = "Operations", description = "Health and documents")
    ),
    components(schemas(ProblemBody)),
    modifiers(&Schemes)
)]
struct Base;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = |description: &str, format: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format(format)
                    .description(Some(description))
                    .build(),
            )
        };
        let visitor = "A visitor key (the `id` of STEP 1), or a customer's token of the host site. Paths that have a `visitor_id` field or parameter take the key there, too.";
        let staff = "An access token of `POST /api/admin/auth/login/`, an agent's token of the host site, or an API key `parlor_…`.";
        components.add_security_scheme("visitor", bearer(visitor, "UUID"));
        let seller = "A seller's or agent's token of the host site, or its access token of `POST /api/admin/auth/login/`.";
        components.add_security_scheme("staff", bearer(staff, "JWT"));
        components.add_security_scheme("seller", bearer(seller, "JWT"));
    }
}

/// The document that handlers are collected into.
#[must_use]
pub fn base() -> Document {
    let mut document = Base::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document
}

/// The same document without `"default": null`, which `#[serde(default)]` writes for each optional field: generated
/// clients take a field with a default for one that is always there.
#[must_use]
pub fn without_null_defaults(document: Document) -> Document {
    fn clean(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                if fields.get("default").is_some_and(serde_json::Value::is_null) {
                    fields.remove("default");
                }
                fields.values_mut().for_each(clean);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::to_value(&document) else { return document };
    clean(&mut value);
    serde_json::from_value(value).unwrap_or(document)
}

/// The audiences of the menu, with the tags that each sees.
pub const AUDIENCES: [(&str, &str, &[&str]); 5] = [
    (
        "widget",
        "Widget and customers",
        &["Visitors", "Sessions", "Messages", "Rooms", "Stored chats", "Attachments", "Realtime"],
    ),
    (
        "agents",
        "Agents and admins",
        &[
            "Realtime",
            "Login",
            "Conversations",
            "Attachments",
            "Stored chats for agents",
            "Agents",
            "Channels",
            "Articles",
            "Visitors admin",
            "Workspace",
        ],
    ),
    ("marketplace", "Marketplace", &["Marketplace", "Attachments"]),
    ("whatsapp", "WhatsApp", &["WhatsApp"]),
    ("operations", "Operations", &["Operations"]),
];

/// The part of a document that has some tags.
#[must_use]
pub fn with_tags(document: &Document, tags: &[&str]) -> Document {
    let mut part = document.clone();
    for item in part.paths.paths.values_mut() {
        keep_tagged(item, tags);
    }
    part.paths.paths.retain(|_, item| operations(item).next().is_some());
    if let Some(known) = part.tags.as_mut() {
        known.retain(|tag| tags.contains(&tag.name.as_str()));
    }
    part
}

fn keep_tagged(item: &mut PathItem, tags: &[&str]) {
    for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch] {
        let fits = operation
            .as_ref()
            .and_then(|operation| operation.tags.as_ref())
            .is_some_and(|own| own.iter().any(|tag| tags.contains(&tag.as_str())));
        if !fits {
            *operation = None;
        }
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = &'static str> {
    let methods = [
        ("GET", item.get.is_some()),
        ("PUT", item.put.is_some()),
        ("POST", item.post.is_some()),
        ("DELETE", item.delete.is_some()),
        ("PATCH", item.patch.is_some()),
    ];
    methods.into_iter().filter(|(_, there)| *there).map(|(method, _)| method)
}

/// Which methods a path has: what a wrong method is answered from.
#[derive(Debug, Clone, Default)]
pub struct KnownPaths {
    /// Segments (`None` for a parameter) and methods.
    paths: Vec<(Vec<Option<String>>, Vec<&'static str>)>,
}

impl KnownPaths {
    /// All paths of the document, and pages that are not in it.
    #[must_use]
    pub fn of(document: &Document, pages: &[(&str, &[&'static str])]) -> Self {
        let mut merged: BTreeMap<Vec<Option<String>>, HashSet<&'static str>> = BTreeMap::new();
        for (path, item) in &document.paths.paths {
            merged.entry(template(path)).or_default().extend(operations(item));
        }
        for (path, methods) in pages {
            merged.entry(template(path)).or_default().extend(*methods);
        }
        let paths = merged.into_iter().map(|(path, methods)| {
            let mut methods: Vec<_> = methods.into_iter().collect();
            methods.sort_unstable();
            (path, methods)
        });
        Self { paths: paths.collect() }
    }

    /// The methods of a path, as the `Allow` header has them; `None` for an unknown path.
    #[must_use]
    pub fn allow(&self, path: &str) -> Option<String> {
        let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
        let segments: Vec<&str> = path.split('/').collect();
        let fits = |template: &[Option<String>]| {
            template.len() == segments.len()
                && template
                    .iter()
                    .zip(&segments)
                    .all(|(known, segment)| known.as_deref().map_or(!segment.is_empty(), |known| known == *segment))
        };
        // A path without parameters is meant before one with.
        let mut fitting: Vec<_> = self.paths.iter().filter(|(template, _)| fits(template)).collect();
        fitting.sort_by_key(|(template, _)| template.iter().filter(|segment| segment.is_none()).count());
        fitting.first().map(|(_, methods)| methods.join(", "))
    }
}

fn template(path: &str) -> Vec<Option<String>> {
    path.trim_matches('/')
        .split('/')
        .map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_path_tells_its_methods() {
        let known = KnownPaths::of(&base(), &[("/a/{id}", &["GET", "DELETE"]), ("/a/new/", &["POST"])]);
        assert_eq!(known.allow("/a/7/").as_deref(), Some("DELETE, GET"));
        assert_eq!(known.allow("/a/new").as_deref(), Some("POST"));
        assert_eq!(known.allow("/a"), None);
        assert_eq!(known.allow("/a/7/8"), None);
    }
}
