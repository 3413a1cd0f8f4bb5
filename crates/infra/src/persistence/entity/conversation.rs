use crate::persistence::error::{from_json, to_json, unreadable};
use crate::persistence::timestamp::StoredTime;
use parlor_domain::conversation::{Conversation, ConversationKind, Flag, Handler, ReadMark, Seller, Status, Subject, WhatsappThread};
use parlor_domain::id::{AgentId, ChannelId, ConversationId, MessageId, RoomKey, VisitorId, WorkspaceId};
use parlor_domain::message::Side;
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;
use serde_json::Number;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub channel_id: Uuid,
    pub visitor_id: Uuid,
    pub seller_id: Option<Uuid>,
    pub seller_email: Option<String>,
    pub number: Option<i64>,
    pub whatsapp_number_id: Option<String>,
    pub customer_phone: Option<String>,
    pub window_expires_at: Option<StoredTime>,
    pub room_key: Uuid,
    pub kind: String,
    pub client_ref: Option<String>,
    pub status: String,
    pub snoozed_until: Option<StoredTime>,
    pub handler: String,
    pub assignee_id: Option<Uuid>,
    pub handler_version: i64,
    pub answer_id: Option<Uuid>,
    pub answers: i64,
    pub subject_kind: Option<String>,
    pub subject_external_id: Option<String>,
    pub subject_title: Option<String>,
    /// The JSON number as text, so that it comes back as it was.
    pub subject_price: Option<String>,
    pub flag_reason: Option<String>,
    pub flag_by: Option<String>,
    pub flag_at: Option<StoredTime>,
    pub labels: Json,
    pub customer_name: Option<String>,
    /// The name in lower case, for searching: lower() of SQLite knows only ASCII.
    pub customer_key: Option<String>,
    pub customer_email: Option<String>,
    pub metadata: Option<Json>,
    pub version: i64,
    pub last_seq: i64,
    pub rev: i64,
    pub staff_rev: i64,
    pub changed_rev: i64,
    pub changed_staff_rev: i64,
    pub inbound_count: i64,
    pub outbound_count: i64,
    pub last_message_at: StoredTime,
    pub last_message: Option<String>,
    pub team_mark_seq: i64,
    pub team_mark_count: i64,
    pub visitor_mark_seq: i64,
    pub visitor_mark_count: i64,
    pub visitor_delivered: i64,
    pub team_delivered: i64,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
    pub deleted_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The columns that a command can change.
pub const CHANGEABLE: [Column; 40] = [
    Column::SellerEmail,
    Column::CustomerPhone,
    Column::WindowExpiresAt,
    Column::Status,
    Column::SnoozedUntil,
    Column::Handler,
    Column::AssigneeId,
    Column::HandlerVersion,
    Column::AnswerId,
    Column::Answers,
    Column::SubjectKind,
    Column::SubjectExternalId,
    Column::SubjectTitle,
    Column::SubjectPrice,
    Column::FlagReason,
    Column::FlagBy,
    Column::FlagAt,
    Column::Labels,
    Column::CustomerName,
    Column::CustomerKey,
    Column::CustomerEmail,
    Column::Metadata,
    Column::Version,
    Column::LastSeq,
    Column::Rev,
    Column::StaffRev,
    Column::ChangedRev,
    Column::ChangedStaffRev,
    Column::InboundCount,
    Column::OutboundCount,
    Column::LastMessageAt,
    Column::LastMessage,
    Column::TeamMarkSeq,
    Column::TeamMarkCount,
    Column::VisitorMarkSeq,
    Column::VisitorMarkCount,
    Column::VisitorDelivered,
    Column::TeamDelivered,
    Column::UpdatedAt,
    Column::DeletedAt,
];

impl TryFrom<&Conversation> for Model {
    type Error = RepositoryError;

    fn try_from(conversation: &Conversation) -> Result<Self, RepositoryError> {
        let subject = conversation.subject.as_ref();
        let flag = conversation.flag.as_ref();
        let whatsapp = conversation.whatsapp.as_ref();
        Ok(Self {
            id: conversation.id.0,
            workspace_id: conversation.workspace_id.0,
            channel_id: conversation.channel_id.0,
            visitor_id: conversation.visitor_id.0,
            seller_id: conversation.seller.as_ref().map(|seller| seller.id.0),
            seller_email: conversation.seller.as_ref().map(|seller| seller.email.clone()),
            number: whatsapp.map(|thread| thread.number),
            whatsapp_number_id: whatsapp.map(|thread| thread.phone_number_id.clone()),
            customer_phone: whatsapp.and_then(|thread| thread.customer_phone.clone()),
            window_expires_at: whatsapp.and_then(|thread| thread.window_expires_at).map(Into::into),
            room_key: conversation.room_key.expose(),
            kind: conversation.kind.as_str().to_owned(),
            client_ref: conversation.client_ref.clone(),
            status: conversation.status.as_str().to_owned(),
            snoozed_until: conversation.snoozed_until.map(Into::into),
            handler: conversation.handler.for_agent().as_str().to_owned(),
            assignee_id: conversation.handler.assignee().map(|id| id.0),
            handler_version: conversation.handler_version,
            answer_id: conversation.answer_id.map(|id| id.0),
            answers: conversation.answers,
            subject_kind: subject.map(|subject| subject.kind.clone()),
            subject_external_id: subject.and_then(|subject| subject.external_id.clone()),
            subject_title: subject.map(|subject| subject.title.clone()),
            subject_price: subject.and_then(|subject| subject.price.as_ref()).map(ToString::to_string),
            flag_reason: flag.and_then(|flag| flag.reason.clone()),
            flag_by: flag.and_then(|flag| flag.by).map(|side| side.as_str().to_owned()),
            flag_at: flag.map(|flag| flag.at.into()),
            labels: to_json(&conversation.labels)?,
            customer_name: conversation.customer_name.clone(),
            customer_key: conversation.customer_name.as_ref().map(|name| name.to_lowercase()),
            customer_email: conversation.customer_email.clone(),
            metadata: conversation.metadata.clone(),
            version: conversation.version,
            last_seq: conversation.last_seq,
            rev: conversation.rev,
            staff_rev: conversation.staff_rev,
            changed_rev: conversation.changed_rev,
            changed_staff_rev: conversation.changed_staff_rev,
            inbound_count: conversation.inbound_count,
            outbound_count: conversation.outbound_count,
            last_message_at: conversation.last_message_at.into(),
            last_message: conversation.last_message.clone(),
            team_mark_seq: conversation.team_mark.seq,
            team_mark_count: conversation.team_mark.count,
            visitor_mark_seq: conversation.visitor_mark.seq,
            visitor_mark_count: conversation.visitor_mark.count,
            visitor_delivered: conversation.visitor_delivered,
            team_delivered: conversation.team_delivered,
            created_at: conversation.created_at.into(),
            updated_at: conversation.updated_at.into(),
            deleted_at: conversation.deleted_at.map(Into::into),
        })
    }
}

/// Reads a stored number. The standard library's floats come back to the last bit; those of JSON's parser may be one off.
fn price(stored: &str) -> Result<Number, RepositoryError> {
    let whole = stored.parse::<u64>().map(Number::from).or_else(|_| stored.parse::<i64>().map(Number::from));
    let number = whole.ok().or_else(|| Number::from_f64(stored.parse().ok()?));
    number.ok_or_else(|| unreadable("conversation.subject_price"))
}

impl TryFrom<Model> for Conversation {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        let subject = match (row.subject_kind, row.subject_title) {
            (Some(kind), Some(title)) => Some(Subject {
                kind,
                external_id: row.subject_external_id,
                title,
                price: row.subject_price.as_deref().map(price).transpose()?,
            }),
            _ => None,
        };
        let flag_by = row
            .flag_by
            .as_deref()
            .map(|word| Side::from_word(word).ok_or_else(|| unreadable("conversation.flag_by")))
            .transpose()?;
        Ok(Self {
            id: ConversationId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            channel_id: ChannelId(row.channel_id),
            visitor_id: VisitorId(row.visitor_id),
            seller: row.seller_id.zip(row.seller_email).map(|(id, email)| Seller { id: AgentId(id), email }),
            whatsapp: row.number.zip(row.whatsapp_number_id).map(|(number, phone_number_id)| WhatsappThread {
                number,
                phone_number_id,
                customer_phone: row.customer_phone,
                window_expires_at: row.window_expires_at.map(Into::into),
            }),
            room_key: RoomKey::new(row.room_key),
            kind: ConversationKind::from_word(&row.kind).ok_or_else(|| unreadable("conversation.kind"))?,
            client_ref: row.client_ref,
            status: Status::from_word(&row.status).ok_or_else(|| unreadable("conversation.status"))?,
            snoozed_until: row.snoozed_until.map(Into::into),
            handler: Handler::from_words(&row.handler, row.assignee_id.map(AgentId)).ok_or_else(|| unreadable("conversation.handler"))?,
            handler_version: row.handler_version,
            answer_id: row.answer_id.map(MessageId),
            answers: row.answers,
            subject,
            flag: row.flag_at.map(|at| Flag {
                reason: row.flag_reason,
                by: flag_by,
                at: at.into(),
            }),
            labels: from_json("conversation.labels", row.labels)?,
            customer_name: row.customer_name,
            customer_email: row.customer_email,
            metadata: row.metadata,
            version: row.version,
            last_seq: row.last_seq,
            rev: row.rev,
            staff_rev: row.staff_rev,
            changed_rev: row.changed_rev,
            changed_staff_rev: row.changed_staff_rev,
            inbound_count: row.inbound_count,
            outbound_count: row.outbound_count,
            last_message_at: row.last_message_at.into(),
            last_message: row.last_message,
            team_mark: ReadMark {
                seq: row.team_mark_seq,
                count: row.team_mark_count,
            },
            visitor_mark: ReadMark {
                seq: row.visitor_mark_seq,
                count: row.visitor_mark_count,
            },
            visitor_delivered: row.visitor_delivered,
            team_delivered: row.team_delivered,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            deleted_at: row.deleted_at.map(Into::into),
        })
    }
}
