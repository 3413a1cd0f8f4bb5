//! Passwords, tokens and keys.

mod file_link;
mod host_token;
mod jwt;
mod password;
mod secret;
mod secret_box;
mod token;

pub use file_link::HmacLinkSigner;
pub use host_token::{HostJwt, InvalidKeySetPlace, KeySet, KeySetError, KeySetPace, KeySetPlace};
pub use password::Argon2PasswordHasher;
pub use secret::{Purpose, ServerSecret, ServerSecretError, WeakSecret, must_be_strong};
pub use secret_box::AesSecretBox;
pub use token::JwtTokens;
