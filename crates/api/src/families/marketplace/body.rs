//! What clients of this family send as a message.

use super::{MessageWord, SenderWord, client_id};
use crate::extract::Fields;
use crate::families::shared::{MomentValue, must_fit, read_proposal};
use crate::problem::{Code, Problem};
use parlor_domain::attachment::MAX_FILES;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::SendMessage;
use parlor_domain::id::AttachmentId;
use parlor_domain::message::{MessageKind, Proposal, Side, price_of};
use parlor_domain::text::{InvalidText, MessageText};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A message as a client of this family sends it. Other fields are ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct MessageBody {
    /// The client's own number of it, made once and for ever: the same again is stored once. More than 0, less than 8·10^15.
    #[schema(value_type = Option<f64>, nullable = false, example = 1_763_629_200_123_i64)]
    pub id: Option<Value>,
    /// The caller's own side, `user` or `seller`; it may be left out.
    #[schema(value_type = Option<String>, nullable = false, example = "user")]
    pub sender: Option<Value>,
    /// What it says, 1–10,000 characters. An offer or a test drive may have none.
    #[schema(value_type = Option<String>, nullable = false, example = "Hello!", max_length = 10_000)]
    pub text: Option<Value>,
    /// When it was written by the client's clock: RFC 3339 or Unix milliseconds. Kept as `sentAt`.
    #[schema(value_type = Option<MomentValue>, nullable = false, example = "2026-11-20T09:00:00.000Z")]
    pub timestamp: Option<Value>,
    /// `text`, `offer` or `test_drive_request`; `text` without it.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>, nullable = false, example = "text")]
    pub kind: Option<Value>,
    /// Of an offer `{offerPrice?, expiresAt?}`, of a test drive `{startsAt?}`, each with fields of the client's own; at most 8 KiB.
    #[schema(value_type = Option<Object>, nullable = false)]
    pub payload: Option<Value>,
    /// Of a test drive: the same, where old clients put it.
    #[schema(value_type = Option<Object>, nullable = false)]
    pub appointment: Option<Value>,
    /// Files that the caller uploaded for this conversation, at most 5. Such a message needs no text. Not read where a conversation is
    /// saved as a whole.
    #[serde(rename = "attachmentIds")]
    #[schema(value_type = Option<Vec<String>>, nullable = false, max_items = 5, example = json!([]))]
    pub attachment_ids: Option<Value>,
}

/// What stands in a [`MessageBody`], apart from its text.
pub(super) struct Content {
    pub(super) proposal: Option<Proposal>,
    pub(super) sent_at: Option<Timestamp>,
}

impl MessageBody {
    /// Takes what is a JSON object. Serde would take lists, too: their fields in their order, which is nothing to promise.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        value.as_object().and_then(|fields| Self::deserialize(fields).ok())
    }

    /// Checks it as a message of somebody on `side`. `place` stands before the names of wrong fields.
    ///
    /// # Errors
    /// A problem that names the fields; 403 for a `sender` of another side.
    pub fn parse(&self, side: Side, place: &str) -> Result<SendMessage, Problem> {
        let mut fields = Fields::new();
        let sender = self.sender(&mut fields, place);
        if let Some(sender) = sender
            && sender.side() != Some(side)
        {
            return Err(Problem::new(
                Code::Forbidden,
                "Not allowed: `sender` is another side than yours; leave it out, or send what you say yourself.",
            ));
        }
        let field = format!("{place}id");
        let client_id = self.id.as_ref().and_then(|id| {
            let own = id.as_number().and_then(client_id);
            fields.parsed(&field, own.ok_or("must be a number more than 0 and less than 8000000000000000"))
        });
        let content = self.content(&mut fields, place);
        if let Some(proposal) = content.as_ref().and_then(|content| content.proposal.as_ref()) {
            must_fit(&mut fields, &format!("{place}payload"), proposal);
        }
        let attachments = self.attachments(&mut fields, &format!("{place}attachmentIds"));
        let said = content.zip(attachments).and_then(|(content, attachments)| {
            if !attachments.is_empty() && content.proposal.is_some() {
                fields.wrong(&format!("{place}attachmentIds"), "go with type text only");
            }
            let text = match &self.text {
                None if !attachments.is_empty() => MessageText::parse(FILES),
                Some(Value::String(text)) if !attachments.is_empty() && text.trim().is_empty() => MessageText::parse(FILES),
                _ => self.text(content.proposal.as_ref()),
            };
            Some((fields.parsed(&format!("{place}text"), text)?, content, attachments))
        });
        let (text, content, attachments) = fields.take(said)?;
        Ok(SendMessage {
            proposal: content.proposal,
            attachments,
            client_id,
            sent_at: content.sent_at,
            ..SendMessage::text(text)
        })
    }

    fn attachments(&self, fields: &mut Fields, name: &str) -> Option<Vec<AttachmentId>> {
        let Some(ids) = &self.attachment_ids else { return Some(Vec::new()) };
        let ids = Vec::<AttachmentId>::deserialize(ids).ok().filter(|ids| ids.len() <= MAX_FILES);
        fields.parsed(name, ids.ok_or("must be ids of at most 5 uploaded files"))
    }

    /// Whose it says to be.
    pub(super) fn sender(&self, fields: &mut Fields, place: &str) -> Option<SenderWord> {
        let word = self.sender.as_ref()?;
        let known = SenderWord::deserialize(word).map_err(|_| "must be user, seller or system");
        fields.parsed(&format!("{place}sender"), known)
    }

    /// What it says. Offers and test drives of old clients say nothing, and a message needs words for those who see only words.
    pub(super) fn text(&self, proposal: Option<&Proposal>) -> Result<MessageText, InvalidText> {
        let given = match &self.text {
            None => "",
            Some(Value::String(text)) => text,
            Some(_) => return Err(InvalidText::Shape("must be a string")),
        };
        let words = match proposal {
            Some(proposal) if given.trim().is_empty() => stand_in(proposal),
            _ => given.to_owned(),
        };
        MessageText::parse(&words)
    }

    /// What it proposes, and when it was written.
    pub(super) fn content(&self, fields: &mut Fields, place: &str) -> Option<Content> {
        let kind = self.kind.as_ref().map(MessageWord::deserialize).transpose();
        let kind = fields.parsed(&format!("{place}type"), kind.map_err(|_| "must be text, offer or test_drive_request"));
        let sent_at = self.timestamp.as_ref().map(MomentValue::read).transpose();
        let sent_at = fields.parsed(&format!("{place}timestamp"), sent_at);
        let proposal = match kind?.unwrap_or(MessageWord::Text) {
            // Words have no payload; old clients may send an empty one.
            MessageWord::Text => None,
            MessageWord::Offer => Some(read_proposal(fields, &format!("{place}payload"), self.payload.as_ref(), Proposal::offer)?),
            MessageWord::TestDriveRequest => {
                let (name, payload) = match &self.payload {
                    Some(payload) => ("payload", Some(payload)),
                    None => ("appointment", self.appointment.as_ref()),
                };
                Some(read_proposal(fields, &format!("{place}{name}"), payload, Proposal::appointment)?)
            }
        };
        Some(Content { proposal, sent_at: sent_at? })
    }
}

/// What files without words say.
const FILES: &str = "File";

/// What an offer or a test drive without words says.
fn stand_in(proposal: &Proposal) -> String {
    let content = proposal.content();
    match (proposal.kind(), content.get("offerPrice").and_then(price_of)) {
        (MessageKind::Appointment, _) => "Test drive request".to_owned(),
        (_, Some(price)) => format!("Offer: {price}"),
        (_, None) => "Offer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_domain::text::ClientId;
    use serde_json::json;

    fn body(value: &Value) -> MessageBody {
        MessageBody::read(value).unwrap()
    }

    fn wrong_fields(value: &Value) -> Vec<String> {
        let problem = body(value).parse(Side::Visitor, "message.").unwrap_err();
        problem.errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_number_of_the_client_is_kept_to_the_letter() {
        for number in ["1763629200123", "1763629200123.4568", "0.5", "7999999999999999"] {
            let value: Value = serde_json::from_str(number).unwrap();
            let sent = body(&json!({"id": value, "text": "Hello!"})).parse(Side::Visitor, "").unwrap();
            assert_eq!(sent.client_id.as_ref().map(ClientId::as_str), Some(number));
        }
        for wrong in [json!(0), json!(-1), json!(8_000_000_000_000_000_i64), json!(1e300), json!("7"), json!(true)] {
            assert_eq!(wrong_fields(&json!({"id": wrong, "text": "Hello!"})), ["message.id"]);
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        let wrong = json!({"id": "x", "text": 7, "timestamp": "yesterday", "type": "picture"});
        assert_eq!(wrong_fields(&wrong), ["message.id", "message.type", "message.timestamp"]);
        assert!(
            body(&json!({"text": "Hello!", "payload": {}})).parse(Side::Visitor, "message.").is_ok(),
            "old clients send it"
        );
        let long = json!({"type": "offer", "payload": {"note": "x".repeat(8_100)}});
        assert_eq!(wrong_fields(&long), ["message.payload"]);
        assert_eq!(
            wrong_fields(&json!({"type": "offer", "payload": {"offerPrice": -1}})),
            ["message.payload.offerPrice"]
        );
        assert_eq!(wrong_fields(&json!({"text": 7, "sender": "me"})), ["message.sender", "message.text"]);
        assert!(MessageBody::read(&json!(["x"])).is_none());
    }

    #[test]
    fn nobody_speaks_for_another_side() {
        for (side, mine, others) in [(Side::Visitor, "user", ["seller", "system"]), (Side::Agent, "seller", ["user", "system"])] {
            assert!(body(&json!({"text": "Hello!", "sender": mine})).parse(side, "").is_ok());
            assert!(body(&json!({"text": "Hello!", "sender": null})).parse(side, "").is_ok());
            for other in others {
                let refused = body(&json!({"text": "Hello!", "sender": other})).parse(side, "");
                assert_eq!(refused.unwrap_err().code, Code::Forbidden);
            }
        }
    }

    #[test]
    fn files_need_no_words_and_go_with_words_only() {
        let id = "018f6a3e-5b1c-7000-8000-0000000000d4";
        for (message, text) in [
            (json!({"attachmentIds": [id]}), "File"),
            (json!({"attachmentIds": [id], "text": " "}), "File"),
            (json!({"attachmentIds": [id], "text": "The dent"}), "The dent"),
        ] {
            let sent = body(&message).parse(Side::Visitor, "").unwrap();
            assert_eq!((sent.text.as_str(), sent.attachments.len()), (text, 1), "{message}");
        }
        for ids in [json!("x"), json!(["x"]), json!([id, id, id, id, id, id]), json!([7])] {
            assert_eq!(wrong_fields(&json!({"text": "x", "attachmentIds": ids})), ["message.attachmentIds"]);
        }
        let offer = json!({"type": "offer", "attachmentIds": [id]});
        assert_eq!(wrong_fields(&offer), ["message.attachmentIds"]);
    }

    #[test]
    fn offers_and_test_drives_need_no_words() {
        for (message, text) in [
            (json!({"type": "offer", "payload": {"offerPrice": 18_500}}), "Offer: 18500"),
            (json!({"type": "offer", "text": " "}), "Offer"),
            (json!({"type": "offer", "text": "Last price", "payload": {"offerPrice": 1}}), "Last price"),
            (
                json!({"type": "test_drive_request", "appointment": {"startsAt": "2026-11-24T14:00:00Z"}}),
                "Test drive request",
            ),
        ] {
            let sent = body(&message).parse(Side::Visitor, "").unwrap();
            assert_eq!((sent.text.as_str(), sent.proposal.is_some()), (text, true), "{message}");
        }
    }
}
