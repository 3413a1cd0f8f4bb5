//! Plain text, and what only looks like it.

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// As much as is looked at of a longer file ([`parlor_domain::attachment::ContentTypes`]).
const HEAD: usize = 64 * 1024;

/// The kind of a text. What a browser would take for markup, or a machine for a program, is none.
pub(super) fn kind(head: &[u8], name: &str) -> Option<&'static str> {
    let text = readable(head)?;
    let start = beginning(text);
    if text.is_empty() || is_markup(start) || is_program(start) {
        return None;
    }
    let begins = |word: &str| start.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    Some(match () {
        () if begins("BEGIN:VCARD") => "text/vcard",
        () if begins("BEGIN:VCALENDAR") => "text/calendar",
        () if ending.eq_ignore_ascii_case("csv") => "text/csv",
        () => "text/plain",
    })
}

/// UTF-8 without control characters but those that lay text out. The last character of a longer file may be cut.
fn readable(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && head.len() >= HEAD => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let is_layout = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    text.chars().all(|c| !c.is_ascii_control() || is_layout(c)).then_some(text)
}

/// Browsers skip white space and byte order marks before they look for markup, so both are skipped, in any order.
fn beginning(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || BYTE_ORDER_MARK.contains(c))
}

/// A tag, its end, a comment, a declaration or an instruction, whatever its name: a list of names would miss some.
fn is_markup(start: &str) -> bool {
    let after = start.strip_prefix('<').and_then(|rest| rest.chars().next());
    after.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '!' | '?' | '/' | '%'))
}

fn is_program(start: &str) -> bool {
    start.starts_with("#!") || start.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("@echo"))
}
