//! What is done about each objection of the platform: decided by its code, never by its words or the HTTP status.
//!
//! The codes are those of the WhatsApp Business Platform's documentation ("Error codes", August 2026).

use super::gateway::GraphError;

/// What is done about an objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It will not arrive.
    Fail,
    /// It will not arrive, and the customer's 24 hours are over.
    WindowClosed,
    /// It will not arrive: the request was wrong, which is our mistake.
    OurMistake,
    /// Too fast to this customer: a little later.
    SlowDown,
    /// Too fast for the number or account: all of its sending rests.
    PauseNumber,
    /// The account is restricted: it will not arrive, and the channel is unhealthy.
    Restricted,
    /// Again, a few times.
    Temporary,
    /// The token is not good: it waits, and the channel is unhealthy.
    Credentials,
    /// Only the phone number will do, not the user id.
    NeedsPhone,
}

/// What is done about an objection.
#[must_use]
pub const fn verdict_of(error: &GraphError) -> Verdict {
    match error.code {
        131_047 => Verdict::WindowClosed,
        131_056 => Verdict::SlowDown,
        130_429 | 4 | 80_007 => Verdict::PauseNumber,
        131_048 | 368 | 131_031 | 130_497 => Verdict::Restricted,
        131_000 | 131_016 | 131_057 | 1 | 2 => Verdict::Temporary,
        190 | 3 | 10 | 200..=299 => Verdict::Credentials,
        131_051 | 131_008 | 131_009 | 100 => Verdict::OurMistake,
        131_062 => Verdict::NeedsPhone,
        // Without a code of its own it was somebody else who answered, such as a proxy; with a true 0 the platform could not
        // tell who asks.
        0 if error.foreign => Verdict::Temporary,
        0 => Verdict::Credentials,
        // 131026, 131049, 130472, 131050, 131052, 131053, 132000–132016, and what is not known yet.
        _ if error.foreign => Verdict::Temporary,
        _ => Verdict::Fail,
    }
}

/// The word for an objection in metrics. What is not known has one together: whoever answers must not make new ones for ever.
#[must_use]
pub fn label_of(error: &GraphError) -> String {
    let known = verdict_of(error) != Verdict::Fail || matches!(error.code, 131_026 | 131_049 | 130_472 | 131_050 | 131_052 | 131_053 | 132_000..=132_016);
    if known { error.code.to_string() } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_the_table_has_its_verdict() {
        let rows: &[(&[i64], Verdict)] = &[
            (&[131_047], Verdict::WindowClosed),
            (&[131_026, 131_049, 130_472, 131_050, 131_052, 131_053, 999_999], Verdict::Fail),
            (&[131_051, 131_008, 131_009, 100], Verdict::OurMistake),
            (&[131_056], Verdict::SlowDown),
            (&[130_429, 4, 80_007], Verdict::PauseNumber),
            (&[131_048, 368, 131_031, 130_497], Verdict::Restricted),
            (&[131_000, 131_016, 131_057, 1, 2], Verdict::Temporary),
            (&[190, 0, 3, 10, 200, 250, 299], Verdict::Credentials),
            (&[132_000, 132_001, 132_016], Verdict::Fail),
            (&[131_062], Verdict::NeedsPhone),
        ];
        for (codes, verdict) in rows {
            for code in *codes {
                let error = GraphError {
                    code: *code,
                    ..GraphError::default()
                };
                assert_eq!(verdict_of(&error), *verdict, "{code}");
            }
        }
        let of_a_proxy = GraphError {
            foreign: true,
            ..GraphError::default()
        };
        assert_eq!(verdict_of(&of_a_proxy), Verdict::Temporary);
    }
}
