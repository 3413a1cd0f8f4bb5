//! What two families or more need.

mod conversation;
mod device;
mod history;
mod list;
mod message;
mod patch;
mod responses;
mod send;
mod visit;

pub use conversation::{ConversationRow, FlagResponse, HandledByWord, KindWord, OwnConversationRow, RoomResponse, StatusWord, SubjectResponse};
pub use history::{ConversationState, HistoryParams, HistoryResponse, read_history};
pub use list::ListResponse;
pub use message::{AttachmentResponse, MessageResponse, MessageStatusWord, MessageType, ReactionResponse, SenderKindWord, SenderResponse, SideWord};
pub use patch::given;
pub use responses::{BodyProblems, CommonProblems, ConflictProblem, CredentialProblem, NotFoundProblem, QueryProblems, RightProblem, StaffProblems};
pub use send::{MarkReadRequest, ParsedSend, SendRequest, created_or_repeated, parse_reply_to};
pub use visit::{ProvenVisitor, channel_of, visitor_context};
