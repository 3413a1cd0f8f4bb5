//! Keyset pages: a list is read from where the last page ended, never by counting.

use uuid::Uuid;

/// How many things one page may have: 1–100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// What a page has unless asked otherwise.
    pub const DEFAULT: Self = Self(50);
    /// The most that one page has.
    pub const MAX: Self = Self(100);

    /// Brings a wish into 1–100.
    #[must_use]
    pub fn clamped(wish: u32) -> Self {
        Self(u16::try_from(wish.clamp(1, 100)).unwrap_or(100))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Where a page ended: the sort value of its last row and that row's id, which tells equal values apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The value that the list is sorted by (milliseconds, or a `seq`).
    pub value: i64,
    /// The id of the row.
    pub id: Uuid,
}

/// The cursor's text is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list; leave it out to begin at the start")]
pub struct InvalidCursor;

impl Cursor {
    /// The text that clients hand back unread.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{:x}-{}", self.value, self.id.simple())
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything else.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        let (value, id) = text.split_once('-').ok_or(InvalidCursor)?;
        // Written as two's complement, since a time before 1970 is still a value.
        let value = u64::from_str_radix(value, 16).map_err(|_| InvalidCursor)?.cast_signed();
        let id = Uuid::try_parse(id).map_err(|_| InvalidCursor)?;
        Ok(Self { value, id })
    }
}

/// One page of a list and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The things, in the list's order.
    pub items: Vec<T>,
    /// `None` at the end of the list.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of rows that were read with one more than `limit`: the one too many tells that there is a next page.
    #[must_use]
    pub fn from_rows(mut rows: Vec<T>, limit: Limit, cursor_of: impl Fn(&T) -> Cursor) -> Self {
        let more = rows.len() > limit.get();
        rows.truncate(limit.get());
        let next = if more { rows.last().map(cursor_of) } else { None };
        Self { items: rows, next }
    }

    /// The same page of something else.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_refused() {
        for value in [0, 1, -1, i64::MAX, i64::MIN] {
            let cursor = Cursor { value, id: Uuid::from_u128(7) };
            assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }
        for wrong in ["", "-", "zz-00000000000000000000000000000007", "1-x", "1", "💥-1"] {
            assert_eq!(Cursor::decode(wrong), Err(InvalidCursor), "{wrong}");
        }
    }
}
