use parlor_domain::clock::Timestamp;
use sea_orm::DeriveValueType;

/// A time as it is stored: Unix milliseconds in a `BIGINT`, which sorts alike in both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, DeriveValueType)]
pub struct StoredTime(pub i64);

impl From<Timestamp> for StoredTime {
    fn from(time: Timestamp) -> Self {
        Self(time.millis())
    }
}

impl From<StoredTime> for Timestamp {
    fn from(time: StoredTime) -> Self {
        Self(time.0)
    }
}
