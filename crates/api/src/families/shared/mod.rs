//! What two families or more need.

mod conversation;
mod device;
mod history;
mod links;
mod list;
mod message;
mod moment;
mod patch;
mod proposal;
mod responses;
mod send;
mod visit;

pub use conversation::{
    ConversationRow, FlagResponse, HandledByWord, KindWord, OwnConversationRow, RoomResponse, StatusWord, SubjectResponse, WhatsappThreadResponse,
};
pub use history::{ConversationState, HistoryParams, HistoryResponse, read_history};
pub use links::FileLinks;
pub use list::ListResponse;
pub use message::{AttachmentResponse, MessageResponse, MessageStatusWord, MessageType, ReactionResponse, SenderKindWord, SenderResponse, SideWord};
pub use moment::MomentValue;
pub use patch::given;
pub use proposal::{ActionRequest, ActionWord, must_fit, parse_proposal, read_proposal};
pub use responses::{BodyProblems, CommonProblems, ConflictProblem, CredentialProblem, NotFoundProblem, QueryProblems, RightProblem, StaffProblems};
pub use send::{Content, Draft, First, MarkReadRequest, SendRequest, TemplateWish, created_or_repeated, parse_reply_to};
pub use visit::{ProvenVisitor, channel_of, visitor_context};
