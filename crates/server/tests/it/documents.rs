//! The documents in the repository are those of the code.

use std::path::Path;

/// Compares a file with what the code says; with `UPDATE=1` it writes the file.
fn held(path: &str, now: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, now).unwrap();
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        stored == now,
        "{path} is not what the code says; run the tests once with UPDATE=1 and look at what changed"
    );
}

#[test]
fn the_openapi_document_is_checked_in() {
    let document = parlor_api::app::openapi_document().to_pretty_json().unwrap();
    held("docs/openapi.json", &format!("{document}\n"));
}

#[test]
fn every_operation_has_a_name_a_tag_and_words() {
    let document = serde_json::to_value(parlor_api::app::openapi_document()).unwrap();
    let known: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    let mut names = std::collections::HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} twice");
            assert!(
                operation["summary"].as_str().is_some_and(|words| !words.is_empty()),
                "{method} {path} has no summary"
            );
            assert!(
                operation["tags"].as_array().unwrap().iter().all(|tag| known.contains(tag)),
                "{method} {path} has an unknown tag"
            );
            for (status, response) in operation["responses"].as_object().unwrap() {
                if status.starts_with(['4', '5']) && path != "/health/ready" {
                    assert!(
                        response["content"]["application/problem+json"].is_object(),
                        "{method} {path} {status} is no problem document"
                    );
                }
            }
        }
    }
}

#[test]
fn no_field_is_said_to_be_there_because_of_a_null_default() {
    let document = parlor_api::app::openapi_document().to_json().unwrap();
    assert!(!document.contains("\"default\":null"));
    assert!(document.contains("\"openapi\":\"3.1.0\""));
}
