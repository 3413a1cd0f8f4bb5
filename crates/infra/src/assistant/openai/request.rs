//! What is sent to a model server.

use super::tools;
use parlor_domain::assistant::{ModelFailure, ModelQuestion, ModelServer, TurnRole};
use reqwest::Url;
use serde_json::{Map, Value, json};

/// What further fields may not replace: they are the answer's form, and who says what in it.
const OURS: [&str; 4] = ["messages", "stream", "model", "tools"];

/// The address of the chat, below the configured one; a query stays where it is.
pub(super) fn url(server: &ModelServer) -> Result<Url, ModelFailure> {
    let mut url = Url::parse(server.base_url.trim()).map_err(|_| ModelFailure::Forbidden)?;
    url.path_segments_mut()
        .map_err(|()| ModelFailure::Forbidden)?
        .pop_if_empty()
        .extend(["chat", "completions"]);
    Ok(url)
}

/// The body of the request.
pub(super) fn body(question: &ModelQuestion) -> Value {
    let server = &question.server;
    let system = (!question.system.is_empty()).then(|| json!({"role": "system", "content": question.system}));
    let turns = question.turns.iter().map(|turn| {
        let role = match turn.role {
            TurnRole::User => "user",
            TurnRole::Assistant => "assistant",
        };
        json!({"role": role, "content": turn.text})
    });

    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("model", json!(server.model));
    put("messages", system.into_iter().chain(turns).collect());
    put("stream", json!(true));
    if server.handover_tool {
        put("tools", tools::offered());
    }
    if server.include_usage {
        put("stream_options", json!({"include_usage": true}));
    }
    if let Some(temperature) = server.temperature {
        put("temperature", json!(temperature));
    }
    if let Some(most) = server.max_tokens {
        let key = if server.max_completion_tokens {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        put(key, json!(most));
    }
    let further = server.extra_body.as_ref().and_then(|further| further.value().as_object());
    for (key, value) in further.into_iter().flatten() {
        if !OURS.contains(&key.as_str()) {
            put(key, value.clone());
        }
    }
    Value::Object(body)
}
