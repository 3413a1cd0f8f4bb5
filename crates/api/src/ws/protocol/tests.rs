use super::*;
use crate::problem::Code;

fn refused(text: &str) -> (Option<String>, Code) {
    let frame = read_command(text).unwrap();
    (frame.id, frame.command.unwrap_err().code)
}

#[test]
fn a_frame_is_one_object_with_an_event() {
    for wrong in [
        "",
        "nonsense",
        "[]",
        "\"ping\"",
        "null",
        "{}",
        r#"{"event":7}"#,
        r#"{"event":"ping"} {}"#,
        r#"["1","ping"]"#,
        r#"{"event":"ping","id":7}"#,
        r#"{"event":"ping","id":""}"#,
    ] {
        assert!(read_command(wrong).is_err(), "{wrong}");
    }
    let long = format!(r#"{{"event":"ping","id":"{}"}}"#, "x".repeat(65));
    assert!(read_command(&long).is_err());
    let frame = read_command(r#"{"event":"ping","id":null,"more":[1,{"a":2}],"data":null}"#).unwrap();
    assert_eq!((frame.id, frame.command), (None, Ok(Command::Ping(Nothing {}))), "unknown keys are ignored");
}

#[test]
fn an_unknown_event_and_wrong_data_are_told_apart() {
    assert_eq!(refused(r#"{"id":"7","event":"conversation:burn"}"#), (Some("7".to_owned()), Code::UnknownEvent));
    assert_eq!(
        refused(r#"{"id":"7","event":"conversation:read","data":{"conversation_id":"x"}}"#),
        (Some("7".to_owned()), Code::InvalidInput)
    );
    let frame = read_command(r#"{"event":"conversation:message","data":{"conversation_id":"x","message":{"client_id":1}}}"#).unwrap();
    assert_eq!(frame.command.unwrap_err().errors[0].field, "data.message.client_id");
}

#[test]
fn a_sender_is_not_read() {
    let text =
        r#"{"event":"conversation:message","data":{"conversation_id":"x","sender":"agent","message":{"client_id":"1","text":"hi","sender":{"kind":"agent"}}}}"#;
    let Ok(Command::Message(message)) = read_command(text).unwrap().command else {
        panic!()
    };
    assert_eq!(message.message.text, "hi");
}

#[test]
fn missing_and_null_are_different_things_in_an_update() {
    let frame: EventFrame = serde_json::from_str(r#"{"event":"conversation:updated","rev":1,"data":{"flag":null}}"#).unwrap();
    let Event::Updated(update) = &frame.event else { panic!() };
    assert_eq!((&update.flag, &update.subject), (&Some(None), &None));
    assert_eq!(
        serde_json::to_string(&frame).unwrap(),
        r#"{"event":"conversation:updated","rev":1,"data":{"flag":null}}"#
    );
}

/// The guide shows conversations as lines that begin with → (client) or ← (server).
#[test]
fn every_frame_in_the_guide_decodes() {
    let guide = include_str!("../../../../../docs/websocket.md");
    let (mut commands, mut events, mut replies) = (0, 0, 0);
    let mut asked = std::collections::HashMap::new();
    let mut frames: Vec<(char, String)> = Vec::new();
    let mut inside = false;
    for line in guide.lines() {
        if line.starts_with("```") {
            inside = line == "```json";
            continue;
        }
        match line.chars().next() {
            Some(arrow @ ('→' | '←')) if inside => frames.push((arrow, line.chars().skip(1).collect())),
            Some(' ') if inside => {
                if let Some((_, frame)) = frames.last_mut() {
                    frame.push_str(line);
                }
            }
            _ => {}
        }
    }
    for (arrow, text) in frames {
        if arrow == '→' {
            let frame = read_command(&text).unwrap_or_else(|error| panic!("{error:?}: {text}"));
            let command = frame.command.unwrap_or_else(|refused| panic!("{refused:?}: {text}"));
            asked.extend(frame.id.map(|id| (id, command.name())));
            commands += 1;
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        if value.get("ok").is_some() {
            if let Some(error) = value.get("error") {
                serde_json::from_value::<ErrorBody>(error.clone()).unwrap_or_else(|error| panic!("{error}: {text}"));
            } else {
                let asked = asked.get(value["reply_to"].as_str().unwrap()).copied().unwrap();
                ReplyData::read(asked, value["data"].clone()).unwrap_or_else(|error| panic!("{error}: {text}"));
            }
            replies += 1;
        } else {
            serde_json::from_str::<EventFrame>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            events += 1;
        }
    }
    assert!(commands >= 10 && events >= 8 && replies >= 5, "{commands} {events} {replies}");
}
