//! The doors and the commands of the sockets, tried by everybody.

use super::people::{Targets, World, callers};
use super::{NOBODY, cells};
use crate::app::TestApp;
use crate::socket::{Got, Socket, open};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What each caller gets at each door: `+` the session begins, `1` close 4401, `3` close 4403, `4` close 4404. At `/ws` the first frame has
/// the credential, at `/ws?token=` and the agents' door the query, at `/ws?ticket=` a ticket, `.` where http.md gives none.
#[rustfmt::skip]
const DOORS: &[(&str, &str)] = &[
    //                                nt svqo r SaAOh f RWK DLXUJ H MP
    ("/ws",                          "1+ ++++ 1 3++++ + 333 11111 + +3"),
    ("/ws?token=",                   "1+ ++++ 1 3++++ + 333 11111 + +3"),
    ("/ws?ticket=",                  ".. ++++ + .++++ + ... ..... + +."),
    ("/ws/admin/chat/?token=",       "1+ 3333 1 3++++ + 333 11111 3 33"),
    ("/ws/chat/{room}/",             "44 4++4 + 44444 4 444 44444 4 44"),
];

/// What each caller gets for each command: `+` a good reply, `0` `invalid_input`, `3` `forbidden`, `4` `not_found`, `1` close 4401;
/// `.` for those whom the door refused. The holder of a room key came by the room's door, `t` and `q` by the query, the others by the first frame.
#[rustfmt::skip]
const COMMANDS: &[(&str, &str, &str)] = &[
    //                                                                                                        nt svqo r SaAOh f RWK DLXUJ H MP
    ("session:hello", "{}",                                                                                  ".+ ++++ + .++++ + ... ..... + +."),
    // A room key is no token; and who brings somebody else's token must go.
    ("session:refresh", r#"{"token":"{own}"}"#,                                                              ".+ ++++ 1 .++++ + ... ..... + +."),
    ("session:refresh", r#"{"token":"{other}"}"#,                                                            ".1 1111 1 .1111 1 ... ..... 1 1."),
    ("session:refresh", r#"{"token":"nonsense"}"#,                                                           ".1 1111 1 .1111 1 ... ..... 1 1."),
    ("ping", "{}",                                                                                           ".+ ++++ + .++++ + ... ..... + +."),
    ("conversation:subscribe", r#"{"conversation_id":"{room}"}"#,                                            ".+ 4++4 + .++++ 4 ... ..... 4 4."),
    ("conversation:subscribe", r#"{"conversation_id":"{room}","after_rev":0}"#,                              ".+ 4++4 + .++++ 4 ... ..... 4 4."),
    // What nobody follows needs no end, whatever it is.
    ("conversation:unsubscribe", r#"{"conversation_id":"{room}"}"#,                                          ".+ ++++ + .++++ + ... ..... + +."),
    ("conversation:message", r#"{"conversation_id":"{room}","message":{"client_id":"m{n}","text":"Hello"}}"#, ".+ 4++4 + .++++ 4 ... ..... 4 4."),
    ("conversation:message", r#"{"conversation_id":"{room}","message":{"client_id":"p{n}","text":"Careful","private":true}}"#, ".+ 4334 3 .++++ 4 ... ..... 4 4."),
    ("conversation:read", r#"{"conversation_id":"{room}","up_to_seq":1}"#,                                   ".+ 4++4 + .++++ 4 ... ..... 4 4."),
    ("conversation:delivered", r#"{"conversation_id":"{room}","up_to_seq":1}"#,                              ".+ 4++4 + .++++ 4 ... ..... 4 4."),
    ("conversation:typing", r#"{"conversation_id":"{room}","state":"start"}"#,                               ".+ 4++4 + .++++ 4 ... ..... 4 4."),
    ("conversation:typing", r#"{"conversation_id":"{room}","state":"start","private":true}"#,                ".+ 4334 3 .++++ 4 ... ..... 4 4."),
    ("conversation:viewing", r#"{"conversation_id":"{room}","state":"start"}"#,                              ".+ 3333 3 .++++ 4 ... ..... 3 3."),
    ("presence:set", r#"{"status":"away"}"#,                                                                 ".+ 3333 3 .++++ + ... ..... 3 3."),
    ("visitor:page", r#"{"url":"https://shop.example.com/"}"#,                                               ".3 ++++ + .3333 3 ... ..... + +."),
    ("inbox:subscribe", "{}",                                                                                ".+ 3333 3 .++++ + ... ..... 3 3."),
    ("inbox:subscribe", r#"{"channel_id":"{channel}"}"#,                                                     ".+ 3333 3 .++++ 4 ... ..... 3 3."),
    ("inbox:unsubscribe", "{}",                                                                              ".+ ++++ + .++++ + ... ..... + +."),
];

fn sign(code: &str) -> char {
    match code {
        "invalid_input" => '0',
        "forbidden" => '3',
        "not_found" => '4',
        other => panic!("no sign for {other}"),
    }
}

fn sign_of_close(code: u16) -> char {
    match code {
        4401 => '1',
        4403 => '3',
        4404 => '4',
        other => panic!("no sign for {other}"),
    }
}

/// Waits for what begins or ends a session.
async fn outcome(socket: &mut Socket) -> char {
    loop {
        match socket.receive().await {
            Got::Frame(frame) if frame["event"] == "session:welcome" || frame["data"]["connection_id"].is_string() => return '+',
            Got::Frame(_) | Got::Ping => {}
            Got::Close(code) => return sign_of_close(code),
            Got::Gone => panic!("cut without a close"),
        }
    }
}

/// Comes by a door; `.` without a ticket.
async fn arrive(app: &TestApp, door: &str, caller: char, credential: Option<&str>, targets: &Targets) -> (Option<Socket>, char) {
    let credential = credential.unwrap_or_default();
    let path = match door {
        "/ws" if matches!(caller, 't' | 'q') => format!("/ws?token={credential}"),
        "/ws" | "/ws/chat/{room}/" => targets.fill(door, caller),
        "/ws?ticket=" => {
            let call = app.post("/api/realtime/tickets");
            let call = match caller {
                'n' | 't' => call,
                'q' => app.post(&format!("/api/realtime/tickets?visitor_id={credential}")),
                _ => call.bearer(credential),
            };
            let answer = call.send().await;
            if answer.status != 200 {
                return (None, '.');
            }
            format!("/ws?ticket={}", answer.body["ticket"].as_str().unwrap())
        }
        // An empty token is none, so the first frame would have to bring one.
        _ if caller == 'n' => door.split('?').next().unwrap().to_owned(),
        _ => format!("{door}{credential}"),
    };
    let mut socket = open(app, &path).await;
    if !path.contains('?') && !door.starts_with("/ws/chat/") {
        let data = if caller == 'n' { json!({}) } else { json!({"token": credential}) };
        socket.send(json!({"id": "hello", "event": "session:hello", "data": data})).await;
    }
    let sign = outcome(&mut socket).await;
    (Some(socket), sign)
}

/// Sends a command and waits for its reply.
async fn ask(socket: &mut Socket, event: &str, data: &str) -> (char, Value) {
    socket
        .send(json!({"id": "asked", "event": event, "data": serde_json::from_str::<Value>(data).unwrap()}))
        .await;
    loop {
        match socket.receive().await {
            Got::Frame(frame) if frame["reply_to"] == "asked" => {
                let sign = if frame["ok"] == true {
                    '+'
                } else {
                    sign(frame["error"]["code"].as_str().unwrap())
                };
                return (sign, frame);
            }
            Got::Frame(_) | Got::Ping => {}
            Got::Close(code) => return (sign_of_close(code), json!(code)),
            Got::Gone => panic!("{event}: cut"),
        }
    }
}

#[test]
fn every_command_is_in_the_table() {
    let document = parlor_api::ws::asyncapi_document();
    let messages = document["components"]["messages"].as_object().unwrap();
    let of_commands = messages.iter().filter(|(name, _)| name.starts_with("command"));
    let known: BTreeSet<&str> = of_commands
        .map(|(_, message)| message["payload"]["properties"]["event"]["const"].as_str().unwrap())
        .collect();
    let tried: BTreeSet<&str> = COMMANDS.iter().map(|(event, ..)| *event).collect();
    assert_eq!(known, tried, "a new command needs a row that says who may send it");
}

on_both! {
    async fn every_door_lets_in_whom_it_may(app: TestApp) {
        let world = World::new(&app).await;
        let targets = world.targets().await;
        let mut wrong = Vec::new();
        for (door, line) in DOORS {
            for (caller, cell) in callers().zip(cells(line)) {
                let credential = world.credential(caller, &targets).await;
                let (_, sign) = arrive(&app, door, caller, credential.as_deref(), &targets).await;
                if sign != cell {
                    wrong.push(format!("{door} as {caller}: {sign} instead of {cell}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    async fn every_command_gives_each_caller_what_it_may_have(app: TestApp) {
        let world = World::new(&app).await;
        let mut wrong = Vec::new();
        let (other, _) = world.staff(app.state().workspaces.list().await.unwrap()[0].id, parlor_domain::agent::Role::Owner).await;
        for (event, data, line) in COMMANDS {
            for (caller, cell) in callers().zip(cells(line)).filter(|(_, cell)| *cell != '.') {
                let targets = world.targets().await;
                let credential = world.credential(caller, &targets).await;
                let door = if caller == 'r' { "/ws/chat/{room}/" } else { "/ws" };
                let (socket, sign) = arrive(&app, door, caller, credential.as_deref(), &targets).await;
                let mut socket = socket.unwrap();
                assert_eq!(sign, '+', "{caller} logs in");
                let fill = |data: &str| targets.fill(data, caller).replace("{own}", credential.as_deref().unwrap_or_default()).replace("{other}", &other);
                let (sign, reply) = ask(&mut socket, event, &fill(data)).await;
                let place = format!("{event} {data} as {caller}");
                if sign != cell {
                    wrong.push(format!("{place}: {sign} instead of {cell}: {reply}"));
                }
                if sign == '4' {
                    for id in [NOBODY, "nonsense"].into_iter().filter(|id| *id == NOBODY || !data.contains("{channel}")) {
                        let (_, unknown) = ask(&mut socket, event, &fill(&Targets::fill_unknown(data, id))).await;
                        if reply != unknown {
                            wrong.push(format!("{place}: a foreign one is told from {id}: {reply} / {unknown}"));
                        }
                    }
                }
                if "sof".contains(caller) {
                    let asked = fill(data);
                    wrong.extend(targets.secrets().iter().filter(|secret| reply.to_string().contains(**secret) && !asked.contains(**secret)).map(|secret| format!("{place}: learns {secret}: {reply}")));
                }
            }
        }
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}
