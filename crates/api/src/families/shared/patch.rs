//! Fields of which "not there" and `null` mean different things.

use serde::{Deserialize, Deserializer};

/// Reads a field that is there, `null` included; with `#[serde(default)]` a missing one is `None`.
///
/// # Errors
/// What the field's type says.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
