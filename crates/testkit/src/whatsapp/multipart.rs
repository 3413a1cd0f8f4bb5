//! `multipart/form-data`, as far as an upload needs it.

/// One part of a form.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub name: String,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub bytes: Vec<u8>,
}

impl Part {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The parts of a form; `None` when it is none.
pub(super) fn parts(content_type: &str, body: &[u8]) -> Option<Vec<Part>> {
    let boundary = content_type
        .strip_prefix("multipart/form-data")?
        .split(';')
        .find_map(|word| word.trim().strip_prefix("boundary="))?
        .trim_matches('"');
    let separator = format!("\r\n--{boundary}").into_bytes();
    // The first boundary has no line before it.
    let mut rest = body.strip_prefix(separator.get(2..)?)?;
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, &separator)?;
        parts.push(parsed(part.get(..end)?)?);
        rest = part.get(end + separator.len()..)?;
    }
    rest.starts_with(b"--").then_some(parts)
}

fn parsed(part: &[u8]) -> Option<Part> {
    let end = find(part, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(part.get(..end)?).into_owned();
    let line = |name: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let disposition = line("content-disposition")?;
    let word = |name: &str| {
        let mut words = disposition.split(';').filter_map(|word| word.trim().split_once('='));
        words.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"').to_owned())
    };
    Some(Part {
        name: word("name")?,
        file_name: word("filename"),
        content_type: line("content-type"),
        bytes: part.get(end + 4..)?.to_vec(),
    })
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    let first = word.first()?;
    // By the first byte: an upload of 100 MB is searched, too.
    let mut from = 0;
    loop {
        let place = from + text.get(from..)?.iter().position(|byte| byte == first)?;
        if text.get(place..)?.starts_with(word) {
            return Some(place);
        }
        from = place + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_apart() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\r\n--\r\n\r\n--x--\r\n";
        let parts = parts("multipart/form-data; boundary=\"x\"", body).unwrap();
        assert_eq!((parts[0].name.as_str(), parts[0].text().as_str()), ("type", "image/png"));
        assert_eq!(
            (parts[1].file_name.as_deref(), parts[1].content_type.as_deref()),
            (Some("a.png"), Some("image/png"))
        );
        assert_eq!(parts[1].bytes, b"\r\n--\r\n");
    }

    #[test]
    fn half_a_form_is_none() {
        assert!(
            parts(
                "multipart/form-data; boundary=x",
                b"--x\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage"
            )
            .is_none()
        );
        assert!(parts("application/json", b"{}").is_none());
    }
}
