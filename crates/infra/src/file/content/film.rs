//! Containers of films, sound and pictures: ISO base media (MP4 and its kin), Matroska.

/// By the brand that such a file begins with (ISO/IEC 14496-12, "File type box").
pub(super) fn kind(head: &[u8]) -> Option<&'static str> {
    let brand = head.get(8..12)?;
    Some(match brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => "image/heic",
        // A picture of any coding; the others that it also is say which.
        b"mif1" | b"msf1" => match compatible(head) {
            Some(brands) if brands.contains(&&b"avif"[..]) => "image/avif",
            Some(brands) if brands.contains(&&b"heic"[..]) || brands.contains(&&b"heix"[..]) => "image/heic",
            _ => "image/heif",
        },
        b"avif" | b"avis" => "image/avif",
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " | b"M4P " => "audio/mp4",
        [b'3', b'g', b'p' | b'g' | b'r' | b's' | b'2', _] => "video/3gpp",
        [b'i', b's', b'o', _] | [b'm', b'p', b'4', _] | b"mmp4" | b"avc1" | b"dash" | b"M4V " | b"M4VH" | b"M4VP" | b"MSNV" | b"f4v " | b"cmfc" => {
            if only_sounds(head) {
                "audio/mp4"
            } else {
                "video/mp4"
            }
        }
        _ => return None,
    })
}

fn compatible(head: &[u8]) -> Option<Vec<&[u8]>> {
    let size = length(head)?;
    Some(head.get(16..size.min(head.len()))?.chunks_exact(4).collect())
}

fn length(at: &[u8]) -> Option<usize> {
    let size: [u8; 4] = at.get(..4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(size)).ok()
}

/// Recorders name the same brands for voice alone. Only a table of contents that is wholly seen can say so.
fn only_sounds(head: &[u8]) -> bool {
    let mut rest = head;
    while let Some(size) = length(rest).filter(|size| *size >= 8) {
        let Some((this, next)) = rest.split_at_checked(size) else { return false };
        if this.get(4..8) == Some(b"moov") {
            return has_track(this, b"soun") && !has_track(this, b"vide");
        }
        rest = next;
    }
    false
}

fn has_track(contents: &[u8], kind: &[u8; 4]) -> bool {
    contents.windows(16).any(|window| window.starts_with(b"hdlr") && window.ends_with(kind))
}

/// By the name of the format, which is among the first elements (RFC 8794, `DocType`).
pub(super) fn matroska(head: &[u8]) -> Option<&'static str> {
    let first = head.get(..head.len().min(64))?;
    let says = |name: &[u8]| first.windows(name.len()).any(|window| window == name);
    match () {
        () if says(b"webm") => Some("video/webm"),
        () if says(b"matroska") => Some("video/x-matroska"),
        () => None,
    }
}
