//! The sender writes JSON in ASCII, and now and then half of a surrogate pair, which no string can hold; and no database takes
//! U+0000. One such character must not cost a message.

use std::borrow::Cow;

/// The same JSON with U+FFFD in place of each escaped lone surrogate and U+0000.
pub(super) fn mend(body: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(body);
    let mut at = 0;
    while let Some(found) = body.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += found;
        at += match unit(body, at) {
            Some(0xd800..=0xdbff) if matches!(unit(body, at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0 | 0xd800..=0xdfff) => {
                if let Some(escape) = mended.to_mut().get_mut(at..at + 6) {
                    escape.copy_from_slice(b"\\ufffd");
                }
                6
            }
            Some(_) => 6,
            None => 2,
        };
    }
    mended
}

/// The code unit that an escape stands for.
fn unit(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = u16::try_from(char::from(*digit).to_digit(16)?).ok()?;
        Some(unit << 4 | digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_text_can_hold_is_replaced() {
        for (raw, mended) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\uD83D""#, r#""\ufffd""#),
            (r#""\ude00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""a\u0000b""#, r#""a\ufffdb""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d\/""#, r#""\\\ufffd\/""#),
            (r#""\ud8""#, r#""\ud8""#),
            (r#""\u+123""#, r#""\u+123""#),
            (r"\", r"\"),
        ] {
            assert_eq!(mend(raw.as_bytes()), mended.as_bytes(), "{raw}");
        }
        assert!(matches!(mend(b"{}"), Cow::Borrowed(_)));
    }
}
