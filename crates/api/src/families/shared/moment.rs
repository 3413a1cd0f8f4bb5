use parlor_domain::clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The end of the year 9999, behind which RFC 3339 has no times.
const LAST_MOMENT: i64 = 253_402_300_799_999;

/// What is said of anything else.
const WANTED: &str = "must be a time since 1970, as RFC 3339 such as 2026-11-20T09:00:03Z or as Unix milliseconds";

/// A time as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a time as RFC 3339 or as Unix milliseconds")]
pub enum MomentValue {
    /// Unix milliseconds.
    Millis(i64),
    /// RFC 3339.
    Text(String),
}

impl MomentValue {
    /// Checks it.
    ///
    /// # Errors
    /// What it must be.
    pub fn parse(&self) -> Result<Timestamp, &'static str> {
        let moment = match self {
            Self::Millis(millis) => Some(Timestamp(*millis)),
            Self::Text(text) => Timestamp::parse_rfc3339(text.trim()),
        };
        moment.filter(|moment| (0..=LAST_MOMENT).contains(&moment.millis())).ok_or(WANTED)
    }

    /// Reads and checks what stands in a body.
    ///
    /// # Errors
    /// What it must be.
    pub fn read(value: &serde_json::Value) -> Result<Timestamp, &'static str> {
        Self::deserialize(value).map_err(|_| WANTED)?.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(json: &str) -> Option<i64> {
        let moment: MomentValue = serde_json::from_str(json).ok()?;
        moment.parse().ok().map(Timestamp::millis)
    }

    #[test]
    fn times_are_taken_as_browsers_write_them() {
        assert_eq!(moment("\"2025-11-20T10:00:03.120+01:00\""), Some(1_763_629_203_120));
        assert_eq!(moment("1763629203120"), Some(1_763_629_203_120));
        assert_eq!(moment("0"), Some(0));
        for wrong in [
            "-1",
            "1.5",
            "253402300800000",
            "99999999999999999999",
            "\"\"",
            "\"yesterday\"",
            "\"1969-12-31T23:59:59Z\"",
            "true",
            "{}",
            "[]",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
