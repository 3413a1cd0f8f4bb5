//! What handlers ask of a request: who calls, from where, and what is in the body. Each gives a problem document of its own.

mod address;
mod auth;
mod body;
mod fields;
mod page;
mod whole;

pub use address::{ClientAddress, request_origin};
pub use auth::{
    AdminAuth, LoginAuth, OwnerAuth, PartyAuth, PersonAuth, RoomAuth, StaffAuth, VisitorAuth, bearer, channel_for, idempotency_key, idempotency_text,
    visitor_by_key, visitor_of, writer_of,
};
pub(crate) use body::wrong_field;
pub use body::{BeaconBody, Body, MAX_BODY, OptionalBody, objects, read_body, read_large_body};
pub use fields::Fields;
pub use page::{PageQuery, PathId, limit};
pub use whole::to_the_end;
