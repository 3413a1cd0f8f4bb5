use super::*;
use crate::problem::Code;
use crate::ws::protocol::{EventFrame, ReplyData, read_command};
use std::collections::BTreeSet;

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_event_and_error_of_the_code_is_in_the_document_and_the_other_way_round() {
    let document = asyncapi_document();
    let named = |prefix: &str| -> BTreeSet<String> {
        let messages = document["components"]["messages"].as_object().unwrap();
        messages
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(_, message)| message["payload"]["properties"]["event"]["const"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(named("command"), Command::NAMES.iter().map(ToString::to_string).collect());
    assert_eq!(named("event"), Event::NAMES.iter().map(ToString::to_string).collect());
    let codes: BTreeSet<&str> = document["components"]["schemas"]["Code"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    assert_eq!(codes, Code::ALL.iter().map(|code| code.as_str()).collect());
    let closes: Vec<u64> = document["x-close-codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|close| close["code"].as_u64().unwrap())
        .collect();
    assert_eq!(closes, Close::ALL.map(|close| u64::from(close.code())));
}

#[test]
fn every_example_decodes_into_the_type_of_its_frame() {
    for name in Command::NAMES {
        let examples = examples::commands(name);
        assert!(!examples.is_empty() && !examples::summary_of_command(name).is_empty(), "{name}");
        for example in examples {
            let frame = read_command(&example.to_string()).unwrap();
            assert_eq!(frame.command.unwrap().name(), *name);
        }
        ReplyData::read(name, examples::reply(name)["data"].clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in Event::NAMES {
        assert!(!examples::summary_of_event(name).is_empty(), "{name}");
        let example = examples::event(name);
        let frame: EventFrame = serde_json::from_str(&example.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_value(&frame).unwrap(), example, "what is written is what was read");
    }
    for example in examples::errors() {
        let error: ErrorBody = serde_json::from_value(example["error"].clone()).unwrap();
        assert_eq!(serde_json::to_value(&error).unwrap(), example["error"]);
    }
}

#[test]
fn every_example_is_valid_under_its_schema() {
    let document = asyncapi_document();
    for (key, message) in document["components"]["messages"].as_object().unwrap() {
        let mut schema = message["payload"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{key}: {error}"));
        for example in message["examples"].as_array().unwrap() {
            let errors: Vec<String> = validator.iter_errors(&example["payload"]).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{key}: {errors:?}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(to) if key == "$ref" => found.push(to),
                        _ => walk(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let document = asyncapi_document();
    let mut found = Vec::new();
    walk(&document, &mut found);
    assert!(found.len() > 100);
    for to in found {
        assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
    }
}

#[test]
fn every_door_has_its_operations() {
    let document = asyncapi_document();
    assert_eq!(keys(&document["channels"]), ["adminChat", "main", "room", "socketIo"].map(str::to_owned).into());
    let operations = keys(&document["operations"]);
    assert!(operations.contains("receiveConversationActionOnSocketIo") && operations.contains("sendConversationNewMessageOnSocketIo"));
    assert!(operations.contains("receivePresenceSetOnAdminChat") && operations.contains("sendVisitorPageOnMain"));
    assert!(!operations.contains("receivePresenceSetOnRoom") && !operations.contains("receiveVisitorPageOnAdminChat"));
}

#[test]
fn the_file_is_the_document() {
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/asyncapi.yaml")).unwrap();
    assert!(
        file == asyncapi_yaml(),
        "docs/asyncapi.yaml is old: write it anew with `parlor asyncapi > docs/asyncapi.yaml`"
    );
}

#[test]
fn the_page_shows_all_frames() {
    let page = page::html();
    assert!(Command::NAMES.iter().chain(Event::NAMES).all(|name| page.contains(name)));
    assert!(page.contains(socket_io::ADDRESS) && page.contains("conv_123"));
    assert!(!page.contains("<script"));
}
