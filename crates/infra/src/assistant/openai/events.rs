//! Server-sent events: from bytes, cut anywhere, to the data of whole events.

/// The most bytes of a line.
const MOST_LINE: usize = 1024 * 1024;

/// What a stream says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The data of one event.
    Data(Vec<u8>),
    /// `[DONE]`.
    Done,
}

/// A line is longer than anybody needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineTooLong;

/// Takes bytes and gives events. A character cut in two is whole again in its line.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    /// The last byte was CR: a LF now belongs to it.
    after_cr: bool,
}

impl EventReader {
    /// Takes what came over the network, and adds the events that are whole now.
    pub(super) fn take(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), LineTooLong> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.line.len() + part.len() > MOST_LINE {
                return Err(LineTooLong);
            }
            self.line.extend_from_slice(part);
            if let Some((ending, rest)) = rest.split_first() {
                self.after_cr = *ending == b'\r';
                self.end_line(events);
                bytes = rest;
            } else {
                bytes = rest;
            }
        }
        Ok(())
    }

    /// The connection has ended: the last event may lack the empty line after it, and the last line its end.
    pub(super) fn end(&mut self, events: &mut Vec<Event>) {
        self.end_line(events);
        self.end_event(events);
    }

    fn end_line(&mut self, events: &mut Vec<Event>) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event(events);
        }
        // Comments begin with a colon; `event`, `id` and `retry` say nothing that matters here.
        let data = match line.strip_prefix(b"data") {
            Some([]) => &[][..],
            Some([b':', b' ', data @ ..] | [b':', data @ ..]) => data,
            _ => return,
        };
        // Known at once, also where the empty line around it is missing.
        if data.trim_ascii() == b"[DONE]" {
            self.end_event(events);
            events.push(Event::Done);
        } else if let Some(before) = &mut self.data {
            before.push(b'\n');
            before.extend_from_slice(data);
        } else {
            self.data = Some(data.to_vec());
        }
    }

    fn end_event(&mut self, events: &mut Vec<Event>) {
        // Some keep a connection alive by empty events.
        if let Some(data) = self.data.take().filter(|data| !data.trim_ascii().is_empty()) {
            events.push(Event::Data(data));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut reader, mut events) = (EventReader::default(), Vec::new());
        for piece in pieces {
            reader.take(piece, &mut events).unwrap();
        }
        reader.end(&mut events);
        events
    }

    fn data(text: &str) -> Event {
        Event::Data(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_end_with_lf_crlf_or_cr() {
        for ending in ["\n", "\r\n", "\r"] {
            let stream = "data: one||data: two||data: [DONE]||".replace('|', ending);
            assert_eq!(read(&[stream.as_bytes()]), [data("one"), data("two"), Event::Done], "{ending:?}");
        }
    }

    #[test]
    fn bytes_may_be_cut_anywhere_also_inside_of_a_character_and_of_a_line_end() {
        for ending in ["\n", "\r\n", "\r"] {
            let stream = "data: Zürich 🏔||: hb||data:{}|data: more||data: [DONE]||".replace('|', ending);
            let whole = read(&[stream.as_bytes()]);
            assert_eq!(whole, [data("Zürich 🏔"), data("{}\nmore"), Event::Done]);
            for cut in 0..=stream.len() {
                let (one, other) = stream.as_bytes().split_at(cut);
                assert_eq!(read(&[one, other]), whole, "cut at {cut}");
            }
            let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(read(&single), whole);
        }
    }

    #[test]
    fn one_space_after_the_colon_is_not_data_and_a_second_one_is() {
        assert_eq!(read(&[b"data:a\n\ndata: a\n\ndata:  a\n\n"]), [data("a"), data("a"), data(" a")]);
    }

    #[test]
    fn several_data_lines_are_joined_by_lf() {
        assert_eq!(read(&[b"data: {\ndata\ndata: }\n\n"]), [data("{\n\n}")]);
    }

    #[test]
    fn comments_other_fields_and_empty_events_are_skipped() {
        let stream = b": hb\n:\nevent: message\nid: 7\nretry: 10\ndatabase: x\ndata: a\nevent: b\n\n: hb\n\n\ndata:\n\ndata: \n\n";
        assert_eq!(read(&[stream]), [data("a")]);
    }

    #[test]
    fn done_is_seen_without_empty_lines_around_it() {
        let (mut reader, mut events) = (EventReader::default(), Vec::new());
        reader.take(b"data: a\ndata: [DONE]\n", &mut events).unwrap();
        assert_eq!(events, [data("a"), Event::Done]);
    }

    #[test]
    fn the_last_event_may_lack_its_end() {
        assert_eq!(read(&[b"data: a\n\ndata: b"]), [data("a"), data("b")]);
    }

    #[test]
    fn a_line_has_at_most_a_mebibyte() {
        let (mut reader, mut events) = (EventReader::default(), Vec::new());
        let half = vec![b'x'; MOST_LINE / 2];
        reader.take(&half, &mut events).unwrap();
        reader.take(&half, &mut events).unwrap();
        assert_eq!(reader.take(b"x", &mut events), Err(LineTooLong));
        let mut reader = EventReader::default();
        reader.take(&half, &mut events).unwrap();
        reader.take(b"\n", &mut events).unwrap();
        reader.take(&half, &mut events).unwrap();
        assert_eq!(reader.take(&half, &mut events), Ok(()));
    }
}
