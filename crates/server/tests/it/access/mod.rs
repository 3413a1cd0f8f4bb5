//! Every endpoint and every socket command, tried by everybody.

pub mod people;
mod sockets;
mod table;

pub use table::{ROWS, Row};

use crate::app::{Answer, TestApp};
use crate::multipart::{FORM, Form};
use people::{CALLERS, Operation, Targets, World, callers, operations};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

const NOBODY: &str = "018f6a3e-5b1c-7000-8000-000000000077";

/// A cell of a table as a status.
fn status(cell: char) -> u16 {
    match cell {
        '2' => 200,
        'c' => 201,
        '-' => 204,
        '0' => 400,
        '1' => 401,
        '3' => 403,
        '4' => 404,
        '9' => 409,
        other => panic!("no such cell: {other}"),
    }
}

fn cells(line: &str) -> Vec<char> {
    let all: Vec<char> = line.chars().filter(|cell| *cell != ' ').collect();
    assert_eq!(all.len(), callers().count(), "one cell for each caller: {line}");
    assert_eq!(line.len(), CALLERS.len(), "cells stand below their callers: {line}");
    all
}

async fn call(app: &TestApp, operation: &Operation, caller: char, credential: Option<&str>, path: &str, query: &str, body: &str) -> Answer {
    let mut query = query.to_owned();
    let mut body = (!body.is_empty()).then(|| serde_json::from_str::<Value>(body).unwrap());
    let credential = credential.unwrap_or_default();
    let both = |query: &str, more: String| if query.is_empty() { more } else { format!("{query}&{more}") };
    if caller == 't' {
        query = both(&query, format!("token={credential}&access_token={credential}"));
    }
    if caller == 'q' && !query.contains("visitor_id=") {
        query = both(&query, format!("visitor_id={credential}"));
    }
    if caller == 'q'
        && !path.starts_with("/api/admin/")
        && let Some(Value::Object(body)) = &mut body
    {
        body.insert("visitor_id".to_owned(), json!(credential));
    }
    let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let mut call = app.call(operation.method.clone(), &path);
    if !credential.is_empty() && !matches!(caller, 't' | 'q') {
        call = call.bearer(credential);
    }
    match body {
        Some(Value::Object(fields)) if operation.takes_form() => {
            let form = fields.iter().fold(Form::new(), |form, (name, value)| form.field(name, value.as_str().unwrap()));
            call.raw(FORM, form.file("note.txt", b"Three chairs, blue.\n").end()).send().await
        }
        Some(body) => call.json(body).send().await,
        None => call.send().await,
    }
}

/// The body without what differs from request to request.
fn comparable(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    body
}

/// Tries a line; what is wrong is collected, so that one run shows all of it.
async fn try_row(world: &World<'_>, operation: &Operation, row: &Row, wrong: &mut Vec<String>) {
    let app = world.app;
    world.passwords.store(row.body.contains("\"old\""), Ordering::Relaxed);
    let mut targets = world.targets().await;
    for (caller, cell) in callers().zip(cells(row.cells)) {
        let credential = world.credential(caller, &targets).await;
        let [path, query, body] = [&operation.path, row.query, row.body].map(|text| targets.fill(text, caller));
        let answer = call(app, operation, caller, credential.as_deref(), &path, &query, &body).await;
        let place = format!("{} {} as {caller}", operation.id, row.query);
        if answer.status != status(cell) {
            wrong.push(format!("{place}: {} instead of {}: {}", answer.status, status(cell), answer.text));
        }
        if answer.status >= 400 && (answer.body["success"] != json!(false) || answer.body["status"] != answer.status) {
            wrong.push(format!("{place}: no problem document: {}", answer.text));
        }
        let asked = format!("{path}?{query} {body}");
        // A good refresh token or invitation makes anybody its agent.
        let proof = row.body.contains("{refresh}") || row.body.contains("{invitation}");
        if "ntsofH".contains(caller) && !proof {
            wrong.extend(
                targets
                    .secrets()
                    .iter()
                    .filter(|secret| answer.text.contains(**secret) && !asked.contains(**secret))
                    .map(|secret| format!("{place}: learns {secret}: {}", answer.text)),
            );
        }
        if answer.status == 404 && (operation.path.contains('{') || row.query.contains("{visitor}")) && !operation.path.contains("{audience}") {
            for id in [NOBODY, "nonsense"] {
                let [path, query] = [&operation.path, row.query].map(|text| targets.fill(&Targets::fill_unknown(text, id), caller));
                let unknown = call(app, operation, caller, credential.as_deref(), &path, &query, &body).await;
                if (answer.status, comparable(&answer)) != (unknown.status, comparable(&unknown)) {
                    wrong.push(format!("{place}: a foreign one is told from {id}: {} / {}", answer.text, unknown.text));
                }
            }
        }
        if answer.status < 300 && operation.method != reqwest::Method::GET {
            targets = world.targets().await;
        }
    }
}

#[test]
fn every_documented_operation_is_in_the_table() {
    let documented: BTreeSet<String> = operations().into_iter().map(|operation| operation.id).collect();
    let tried: BTreeSet<String> = ROWS.iter().map(|row| row.operation.to_owned()).collect();
    assert_eq!(documented, tried, "a new endpoint needs a row that says who may call it");
}

on_both! {
    async fn every_endpoint_gives_each_caller_what_it_may_have(app: TestApp) {
        let world = World::new(&app).await;
        let operations = operations();
        let mut wrong = Vec::new();
        for row in ROWS {
            let operation = operations.iter().find(|operation| operation.id == row.operation).unwrap();
            try_row(&world, operation, row, &mut wrong).await;
        }
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}
