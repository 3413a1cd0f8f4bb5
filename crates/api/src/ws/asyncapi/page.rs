//! The document as a plain page.

use super::{DOORS, examples, socket_io};
use crate::socket_io::{PartyCommand, PartyEvent};
use crate::ws::close::Close;
use crate::ws::protocol::{Command, Event};
use serde_json::Value;
use std::fmt::Write;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn example(value: &Value) -> String {
    escaped(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// The page.
pub fn html() -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Parlor sockets</title></head><body>\n<h1>Parlor sockets</h1>\n\
         <p>Text frames, one JSON object each. The machine-readable form is <a href=\"/api/asyncapi.json\">/api/asyncapi.json</a> (AsyncAPI 3).</p>\n<h2>Doors</h2>\n<dl>\n",
    );
    // Writing to a text does not fail.
    for door in &DOORS {
        let _ = writeln!(page, "<dt><code>GET {}</code></dt><dd>{}</dd>", escaped(door.address), escaped(door.summary));
    }
    page.push_str("</dl>\n<h2>Commands</h2>\n");
    for name in Command::NAMES {
        let _ = writeln!(page, "<h3><code>{name}</code></h3>\n<p>{}</p>", escaped(examples::summary_of_command(name)));
        for command in examples::commands(name) {
            let _ = writeln!(page, "<pre>{}</pre>", example(&command));
        }
        let _ = writeln!(page, "<p>Reply:</p>\n<pre>{}</pre>", example(&examples::reply(name)));
    }
    page.push_str("<h2>Events</h2>\n");
    for name in Event::NAMES {
        let _ = writeln!(
            page,
            "<h3><code>{name}</code></h3>\n<p>{}</p>\n<pre>{}</pre>",
            escaped(examples::summary_of_event(name)),
            example(&examples::event(name))
        );
    }
    page.push_str("<h2>Refusals</h2>\n");
    for error in examples::errors() {
        let _ = writeln!(page, "<pre>{}</pre>", example(&error));
    }
    let _ = writeln!(
        page,
        "<h2>Socket.IO</h2>\n<p><code>{}</code></p>\n<p>{}</p>",
        socket_io::ADDRESS,
        escaped(socket_io::SUMMARY)
    );
    for name in PartyCommand::NAMES {
        let _ = writeln!(page, "<h3><code>{name}</code></h3>\n<p>{}</p>", escaped(socket_io::summary_of_command(name)));
        for command in socket_io::commands(name) {
            let _ = writeln!(page, "<pre>{}</pre>", example(&command));
        }
        let _ = writeln!(page, "<p>Acknowledgement:</p>\n<pre>{}</pre>", example(&socket_io::reply(name)));
    }
    for name in PartyEvent::NAMES {
        let _ = writeln!(
            page,
            "<h3><code>{name}</code></h3>\n<p>{}</p>\n<pre>{}</pre>",
            escaped(socket_io::summary_of_event(name)),
            example(&socket_io::event(name))
        );
    }
    page.push_str("<h2>Close codes</h2>\n<table><tr><th>code</th><th>meaning</th><th>reconnect</th></tr>\n");
    for close in Close::ALL {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            close.code(),
            escaped(close.reason()),
            escaped(close.reconnect())
        );
    }
    page.push_str("</table>\n</body></html>\n");
    page
}
