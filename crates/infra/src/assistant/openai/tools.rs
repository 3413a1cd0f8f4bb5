//! The one tool that a model may use: it can ask for a person.

use parlor_domain::assistant::ModelEvent;
use serde_json::{Value, json};

const HANDOVER: &str = "handover";

/// The most characters of a reason; agents see it in one line.
const MOST_REASON: usize = 500;

/// What is offered to the model.
pub(super) fn offered() -> Value {
    json!([{
        "type": "function",
        "function": {
            "name": HANDOVER,
            "description": "Hands the conversation over to a person of the team: when the customer asks for one, or when you cannot help.",
            "parameters": {
                "type": "object",
                "properties": {"reason": {"type": "string", "description": "Why a person is needed, in one sentence."}},
                "required": ["reason"],
                "additionalProperties": false,
            },
        },
    }])
}

/// The calls of an answer, put together from crumbs.
#[derive(Debug, Default)]
pub(super) struct ToolCalls(Vec<Call>);

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    name: String,
    arguments: String,
}

impl ToolCalls {
    /// Takes the `tool_calls` of one piece of the answer.
    pub(super) fn add(&mut self, crumbs: &Value) {
        for crumb in crumbs.as_array().into_iter().flatten() {
            let index = crumb.get("index").and_then(Value::as_u64);
            let function = crumb.get("function");
            let name = function.and_then(|function| function.get("name")).and_then(Value::as_str).unwrap_or_default();
            let Some(call) = self.call(index, !name.is_empty()) else {
                continue;
            };
            // It comes whole; some repeat it with every crumb.
            if !name.is_empty() {
                name.clone_into(&mut call.name);
            }
            match function.and_then(|function| function.get("arguments")) {
                Some(Value::String(arguments)) => call.arguments.push_str(arguments),
                Some(arguments @ Value::Object(_)) => call.arguments = arguments.to_string(),
                _ => {}
            }
        }
    }

    /// The call that a crumb belongs to. Without an index, a name begins the next one.
    fn call(&mut self, index: Option<u64>, named: bool) -> Option<&mut Call> {
        let known = match index {
            Some(_) => self.0.iter().position(|call| call.index == index),
            None if named => None,
            None => self.0.len().checked_sub(1),
        };
        let place = known.unwrap_or_else(|| {
            self.0.push(Call { index, ..Call::default() });
            self.0.len() - 1
        });
        self.0.get_mut(place)
    }

    /// The wish for a person. Other names, and arguments that are no JSON object, are no call.
    pub(super) fn handover(&self) -> Option<ModelEvent> {
        self.0.iter().filter(|call| call.name == HANDOVER).find_map(|call| {
            let Ok(Value::Object(arguments)) = serde_json::from_str(&call.arguments) else {
                return None;
            };
            let reason = arguments.get("reason").and_then(Value::as_str).unwrap_or_default().trim();
            let reason: String = reason.chars().filter(|char| *char != '\0').take(MOST_REASON).collect();
            Some(ModelEvent::Handover {
                reason: Some(reason).filter(|reason| !reason.is_empty()),
            })
        })
    }
}
