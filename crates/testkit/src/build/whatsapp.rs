//! Things of WhatsApp, and files.

use super::{IDS, a_channel, a_conversation, a_number, an_id, now};
use parlor_domain::attachment::{AttachedFile, Attachment, FileName};
use parlor_domain::channel::{Channel, ChannelKind};
use parlor_domain::conversation::{Conversation, ConversationKind, ExternalId, Naming, WhatsappThread};
use parlor_domain::id::{AttachmentId, FileKey, Ids, JobId};
use parlor_domain::job::{Job, JobKind};
use parlor_domain::message::{Delivery, Message};
use parlor_domain::visitor::Visitor;
use parlor_domain::whatsapp::{Contact, Customer, WhatsappSettings};
use parlor_domain::workspace::Workspace;

/// A WhatsApp number of its own, without secrets.
#[must_use]
pub fn a_whatsapp_channel(workspace: &Workspace) -> Channel {
    Channel {
        kind: ChannelKind::Whatsapp,
        whatsapp: Some(WhatsappSettings {
            phone_number_id: format!("83{:013}", a_number()),
            waba_id: None,
            display_phone: None,
            graph_base_url: None,
            graph_version: None,
            templates: Vec::new(),
        }),
        ..a_channel(workspace)
    }
}

/// A customer's conversation with a number of ours, without a message; the customer's time is not open.
#[must_use]
pub fn a_whatsapp_conversation(customer: &Visitor, channel: &Channel) -> Conversation {
    let phone_number_id = channel.whatsapp.as_ref().map(|settings| settings.phone_number_id.clone());
    Conversation {
        kind: ConversationKind::Whatsapp,
        whatsapp: Some(WhatsappThread {
            number: i64::try_from(a_number()).unwrap_or_default(),
            phone_number_id: phone_number_id.unwrap_or_default(),
            customer_phone: Some(a_phone()),
            window_expires_at: None,
        }),
        ..a_conversation(customer)
    }
}

/// Digits that are nobody's number: no country has the code 999.
fn a_phone() -> String {
    format!("999{:010}", a_number())
}

/// The customer of a conversation, with phone id and user id of its own.
#[must_use]
pub fn a_contact(conversation: &Conversation) -> Contact {
    Contact {
        visitor_id: conversation.visitor_id,
        workspace_id: conversation.workspace_id,
        channel_id: conversation.channel_id,
        conversation_id: conversation.id,
        customer: Customer {
            phone_id: Some(a_phone()),
            user_id: Some(format!("DE.{}", a_number())),
            username: None,
            name: Some("Nadia".to_owned()),
        },
        created_at: now(),
        updated_at: now(),
    }
}

/// What the platform calls something: an id of its own.
#[must_use]
pub fn an_external_id(conversation: &Conversation) -> ExternalId {
    ExternalId {
        channel_id: conversation.channel_id,
        id: format!("wamid.{}", a_number()),
    }
}

/// That the platform calls the first part of a message so.
#[must_use]
pub fn a_naming(external_id: ExternalId, message: &Message) -> Naming {
    Naming {
        external_id,
        workspace_id: message.workspace_id,
        conversation_id: message.conversation_id,
        message_id: message.id,
        part: 0,
    }
}

/// The message as one that came in under this name.
#[must_use]
pub fn received(external_id: &ExternalId, message: Message) -> Message {
    Message {
        delivery: Some(Delivery::received(external_id.id.clone())),
        ..message
    }
}

/// A picture that the visitor uploaded for the conversation; no message has it yet.
#[must_use]
pub fn an_attachment(conversation: &Conversation) -> Attachment {
    Attachment {
        file: AttachedFile {
            id: AttachmentId(an_id()),
            name: FileName::label("photo.png"),
            mime: "image/png".to_owned(),
            size: 1_234,
            width: Some(640),
            height: Some(480),
        },
        workspace_id: conversation.workspace_id,
        conversation_id: conversation.id,
        message_id: None,
        uploaded_by: conversation.visitor_id.into(),
        key: FileKey(IDS.random()),
        created_at: now(),
        deleted_at: None,
    }
}

/// Work of this kind that a message leaves to do, due now.
#[must_use]
pub fn a_message_job(kind: JobKind, message: &Message) -> Job {
    Job {
        id: JobId(an_id()),
        workspace_id: message.workspace_id,
        conversation_id: message.conversation_id,
        kind,
        payload: Some(serde_json::json!({"message": message.id})),
        attempts: 0,
        run_at: now(),
        claim: None,
        last_error: None,
        dead_at: None,
        created_at: now(),
    }
}
