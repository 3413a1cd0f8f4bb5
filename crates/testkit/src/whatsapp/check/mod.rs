//! What the platform objects to before it takes a message.

mod content;
mod interactive;
mod part;
mod template;

use super::customer::Customer;
use super::error::GraphError;
use super::number::Number;
use super::state::{Inner, Sending, Window};
use part::{INVALID, MISSING, PARAMETER, Part};
use serde_json::Value;

/// What may be posted to `messages`.
#[derive(Debug)]
pub(super) enum Request {
    Send(Box<Sending>),
    MarkRead,
}

/// Refuses what the platform refuses.
pub(super) fn request(inner: &Inner, number: &Number, body: &Value) -> Result<Request, GraphError> {
    let body = Part::of("body", body).map_err(|_| GraphError::new(PARAMETER, "The body is no JSON object"))?;
    if body.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::new(PARAMETER, "The parameter messaging_product is required, and must be whatsapp"));
    }
    if body.has("status") {
        return mark_read(&body).map(|()| Request::MarkRead);
    }
    if body.has("recipient_type") {
        body.word("recipient_type", &["individual"])?;
    }
    let (input, by_user_id) = recipient(&body)?;
    let kind = if body.has("type") { body.text("type", 40, INVALID)? } else { "text" };
    let opaque = body.text_if_any("biz_opaque_callback_data", 512, INVALID)?;
    if body.has("context") {
        body.part("context")?.text("message_id", 512, INVALID)?;
    }
    content::check(inner, &body, kind)?;
    if by_user_id && inner.not_to_user_ids.contains(kind) {
        return Err(GraphError::new(131_062, format!("Messages of type {kind} need a phone number")));
    }
    let sending = Sending {
        number: number.clone(),
        customer: inner.customer(&input).cloned().unwrap_or_else(|| stranger(&input, by_user_id)),
        fails_later: window(inner, number, &input, kind)?,
        input,
        by_user_id,
        kind: kind.to_owned(),
        opaque: opaque.map(str::to_owned),
    };
    Ok(Request::Send(Box::new(sending)))
}

fn mark_read(body: &Part<'_>) -> Result<(), GraphError> {
    body.word("status", &["read"])?;
    body.text("message_id", 512, INVALID)?;
    if body.has("typing_indicator") {
        body.part("typing_indicator")?.word("type", &["text"])?;
    }
    Ok(())
}

/// Whom it is for, and whether by user id.
fn recipient(body: &Part<'_>) -> Result<(String, bool), GraphError> {
    match (body.has("to"), body.has("recipient")) {
        (false, false) => Err(GraphError::new(MISSING, "The parameter to or recipient is required")),
        (true, true) => Err(GraphError::new(INVALID, "Only one of to and recipient may be given")),
        (true, false) => {
            let phone = body.text("to", 24, INVALID)?;
            let digits = phone.strip_prefix('+').unwrap_or(phone);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(GraphError::new(INVALID, "The parameter to is no phone number"));
            }
            Ok((digits.to_owned(), false))
        }
        (false, true) => {
            let id = body.text("recipient", 140, INVALID)?;
            if !is_user_id(id) {
                return Err(GraphError::new(INVALID, "The parameter recipient is no business-scoped user ID"));
            }
            Ok((id.to_owned(), true))
        }
    }
}

/// `CC.` or `CC.ENT.`, then 1 to 128 letters and digits.
fn is_user_id(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else { return false };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    is_country && (1..=128).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Somebody who never wrote.
fn stranger(input: &str, by_user_id: bool) -> Customer {
    if by_user_id { Customer::hidden(input) } else { Customer::new(input) }
}

/// Free-form messages need an open window; says what they fail with later.
fn window(inner: &Inner, number: &Number, input: &str, kind: &str) -> Result<Option<u32>, GraphError> {
    let allowed = kind == "template" || inner.window_is_open(number, input);
    match inner.window {
        Window::FailsLater if !allowed => Ok(Some(131_047)),
        Window::Refuses if !allowed => Err(GraphError::new(
            131_047,
            "More than 24 hours have passed since the customer last replied to this number",
        )),
        _ => Ok(None),
    }
}
