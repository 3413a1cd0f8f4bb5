//! Archives, and what offices keep in them.

/// What a compound file begins with ([MS-CFB] 2.2).
pub(super) const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// A ZIP archive, or what its entries make of it. Programs for Java and Android are archives, too; they are not known.
pub(super) fn zip(head: &[u8]) -> Option<&'static str> {
    let names = names(head);
    let has = |name: &[u8]| names.contains(&name);
    let has_folder = |folder: &[u8]| names.iter().any(|name| name.starts_with(folder));
    if has(b"META-INF/MANIFEST.MF") || has(b"AndroidManifest.xml") || has(b"classes.dex") {
        return None;
    }
    if names.first() == Some(&&b"mimetype"[..]) {
        return Some(named_inside(head));
    }
    let kind = match () {
        () if !has(b"[Content_Types].xml") && !has(b"_rels/.rels") => "application/zip",
        () if has_folder(b"word/") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        () if has_folder(b"xl/") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        () if has_folder(b"ppt/") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        () => "application/zip",
    };
    Some(kind)
}

/// The names in all headers of entries. They are searched, because a header need not say how long its entry is.
fn names(head: &[u8]) -> Vec<&[u8]> {
    let headers = head.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x03\x04");
    let name = |at: usize| {
        let length: [u8; 2] = head.get(at + 26..at + 28)?.try_into().ok()?;
        head.get(at + 30..at + 30 + usize::from(u16::from_le_bytes(length)))
    };
    headers.filter_map(|(at, _)| name(at)).collect()
}

/// OpenDocument and EPUB say what they are in a first entry that is neither packed nor has extra fields.
fn named_inside(head: &[u8]) -> &'static str {
    const KNOWN: [&str; 4] = [
        "application/epub+zip",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
    ];
    let named = head.get(30 + "mimetype".len()..).unwrap_or_default();
    let is_it = |mime: &&&str| {
        let after = named.strip_prefix(mime.as_bytes());
        after.is_some_and(|after| after.starts_with(b"PK") || after.is_empty())
    };
    KNOWN.iter().find(is_it).copied().unwrap_or("application/zip")
}

/// A file of the old offices, by the names of its streams; if the list of them is too far behind, by what its first sector begins
/// with. Installers and mails are compound files, too; they are not known.
pub(super) fn compound(head: &[u8]) -> Option<&'static str> {
    let entries = directory(head).unwrap_or_default();
    let has = |name: &str| entries.chunks_exact(128).any(|entry| is_named(entry, name));
    match () {
        () if has("WordDocument") => Some("application/msword"),
        () if has("Workbook") || has("Book") => Some("application/vnd.ms-excel"),
        () if has("PowerPoint Document") => Some("application/vnd.ms-powerpoint"),
        // Its list is here, and none of them is in it.
        () if has("Root Entry") => None,
        () => match head.get(512..)? {
            [0xec, 0xa5, ..] => Some("application/msword"),
            [0x09, 0x08, 0x10, 0, 0, 6, 5, 0, ..] => Some("application/vnd.ms-excel"),
            [0xa0, 0x46, 0x1d, 0xf0, ..] | [0, 0x6e, 0x1e, 0xf0, ..] | [0x0f, 0, 0xe8, 0x03, ..] => Some("application/vnd.ms-powerpoint"),
            _ => None,
        },
    }
}

/// The list of streams from where the header says that it begins, as far as it is here. Its sectors mostly follow one another.
fn directory(head: &[u8]) -> Option<&[u8]> {
    let shift = u32::from(u16::from_le_bytes(head.get(30..32)?.try_into().ok()?));
    let sector = u32::from_le_bytes(head.get(48..52)?.try_into().ok()?);
    let start = u64::from(sector).checked_add(1)?.checked_mul(1u64.checked_shl(shift)?)?;
    head.get(usize::try_from(start).ok()?..)
}

/// The name is UTF-16 with a zero behind it; its length is that of both, in bytes ([MS-CFB] 2.6.1).
fn is_named(entry: &[u8], name: &str) -> bool {
    let wanted: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let length = entry.get(64..66).map(|length| usize::from(length.first().copied().unwrap_or_default()));
    length == Some(wanted.len()) && entry.starts_with(&wanted)
}
