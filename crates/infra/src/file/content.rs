//! What a file is, by its first bytes.
//!
//! Only kinds that are taken are known here. Each is told by the bytes that its format begins with; what begins with anything else
//! is plain text if every byte of it is, and nothing otherwise.

mod film;
mod office;
mod text;

use parlor_domain::attachment::{ContentTypes, FileContent};

/// Knows kinds of files by the bytes that they begin with.
#[derive(Debug, Clone, Copy, Default)]
pub struct MagicBytes;

impl ContentTypes for MagicBytes {
    fn inspect(&self, head: &[u8], name: &str) -> Option<FileContent> {
        let mime = binary(head).or_else(|| text::kind(head, name))?;
        let size = imagesize::blob_size(head).ok().filter(|_| mime.starts_with("image/"));
        let pixels = |count: usize| u32::try_from(count).ok().filter(|count| *count > 0);
        Some(FileContent {
            mime: mime.to_owned(),
            width: size.and_then(|size| pixels(size.width)),
            height: size.and_then(|size| pixels(size.height)),
        })
    }
}

fn binary(head: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let kind = match head {
        _ if starts(b"\xff\xd8\xff") => "image/jpeg",
        _ if starts(b"\x89PNG\r\n\x1a\n") => "image/png",
        _ if starts(b"GIF87a") || starts(b"GIF89a") => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => "audio/x-wav",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => "video/x-msvideo",
        _ if starts(b"II*\0") || starts(b"MM\0*") => "image/tiff",
        _ if is_bitmap(head) => "image/bmp",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => return film::kind(head),
        _ if starts(b"\x1a\x45\xdf\xa3") => return film::matroska(head),
        _ if starts(b"ID3") || is_mp3(head) => "audio/mpeg",
        [0xff, second, third, ..] if second & 0xf6 == 0xf0 && (third >> 2) & 0xf < 13 => "audio/aac",
        _ if starts(b"OggS") => "audio/ogg",
        _ if starts(b"fLaC") => "audio/x-flac",
        _ if starts(b"#!AMR") => "audio/amr",
        _ if starts(b"%PDF-") => "application/pdf",
        _ if starts(b"{\\rtf") => "application/rtf",
        _ if starts(b"\x1f\x8b\x08") => "application/gzip",
        _ if starts(b"7z\xbc\xaf\x27\x1c") => "application/x-7z-compressed",
        _ if starts(b"Rar!\x1a\x07") => "application/vnd.rar",
        _ if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") => return office::zip(head),
        _ if starts(office::COMPOUND) => return office::compound(head),
        _ => return None,
    };
    Some(kind)
}

/// "BM" alone begins many a text: the reserved bytes and the length of the second header are looked at, too.
fn is_bitmap(head: &[u8]) -> bool {
    matches!(
        head,
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, 12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..]
    )
}

/// A frame of MPEG audio, layer III, with a bit rate and a sample rate that exist.
fn is_mp3(head: &[u8]) -> bool {
    let [0xff, second, third, ..] = head else { return false };
    let (version, layer, bit_rate, sample_rate) = ((second >> 3) & 3, (second >> 1) & 3, third >> 4, (third >> 2) & 3);
    second & 0xe0 == 0xe0 && version != 1 && layer == 1 && !matches!(bit_rate, 0 | 15) && sample_rate != 3
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use parlor_domain::attachment::is_allowed;

    fn kind(head: &[u8]) -> Option<String> {
        kind_named(head, "file")
    }

    fn kind_named(head: &[u8], name: &str) -> Option<String> {
        MagicBytes.inspect(head, name).map(|content| content.mime)
    }

    /// A ZIP archive's beginning: one header after the other, with these names and contents.
    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Vec::new();
        for (name, content) in entries {
            archive.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            archive.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
            archive.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
            archive.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            archive.extend_from_slice(&[0, 0]);
            archive.extend_from_slice(name.as_bytes());
            archive.extend_from_slice(content);
        }
        archive
    }

    fn compound(streams: &[&str], first_sector: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 512 * 3];
        file[..8].copy_from_slice(office::COMPOUND);
        file[30] = 9;
        file[48] = 1;
        file[512..512 + first_sector.len()].copy_from_slice(first_sector);
        for (place, name) in streams.iter().enumerate() {
            let at = 1024 + place * 128;
            for (offset, unit) in name.encode_utf16().enumerate() {
                file[at + offset * 2..][..2].copy_from_slice(&unit.to_le_bytes());
            }
            file[at + 64] = u8::try_from(name.len() * 2 + 2).unwrap();
        }
        file
    }

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len() + 8).unwrap();
        [&size.to_be_bytes()[..], kind, content].concat()
    }

    fn mp4(brand: &[u8; 4], tracks: &[&[u8; 4]]) -> Vec<u8> {
        let handlers: Vec<u8> = tracks
            .iter()
            .flat_map(|kind| boxed(b"hdlr", &[&[0; 8][..], *kind, &[0; 12]].concat()))
            .collect();
        [boxed(b"ftyp", &[brand, &[0; 4][..]].concat()), boxed(b"moov", &handlers)].concat()
    }

    #[test]
    fn each_kind_is_known_by_what_it_begins_with() {
        let rows: &[(&[u8], &str)] = &[
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
            (b"GIF89a\x01\0\x01\0", "image/gif"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
            (b"II*\0\x08\0\0\0", "image/tiff"),
            (b"MM\0*\0\0\0\x08", "image/tiff"),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02", "image/bmp"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
            (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "image/heif"),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", "image/avif"),
            (b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "video/mp4"),
            (b"\0\0\0\x14ftypqt  \0\0\x02\0qt  ", "video/quicktime"),
            (b"\0\0\0\x14ftyp3gp4\0\0\x02\x003gp4", "video/3gpp"),
            (b"\0\0\0\x14ftypM4A \0\0\x02\0M4A ", "audio/mp4"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "video/x-matroska"),
            (b"RIFF\x24\0\0\0AVI LIST", "video/x-msvideo"),
            (b"ID3\x04\0\0", "audio/mpeg"),
            (b"\xff\xfb\x90\x64", "audio/mpeg"),
            (b"\xff\xf1\x50\x80", "audio/aac"),
            (b"OggS\0\x02", "audio/ogg"),
            (b"#!AMR\n\x3c", "audio/amr"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "audio/x-wav"),
            (b"fLaC\0\0\0\x22", "audio/x-flac"),
            (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
            (b"{\\rtf1\\ansi Hello}", "application/rtf"),
            (b"\x1f\x8b\x08\0", "application/gzip"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "application/x-7z-compressed"),
            (b"Rar!\x1a\x07\x01\0", "application/vnd.rar"),
            (b"PK\x05\x06\0\0\0\0", "application/zip"),
        ];
        for (head, mime) in rows {
            assert_eq!(kind(head).as_deref(), Some(*mime), "{}", head.escape_ascii());
            assert!(is_allowed(mime), "{mime}");
        }
    }

    #[test]
    fn archives_of_offices_are_known_by_their_entries_and_not_by_their_name() {
        let ooxml = |part: &str| zip(&[("[Content_Types].xml", b"<Types/>"), ("_rels/.rels", b"x"), (part, b"x")]);
        let open = |mime: &str| zip(&[("mimetype", mime.as_bytes()), ("content.xml", b"x")]);
        let rows = [
            (
                ooxml("word/document.xml"),
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ),
            (ooxml("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (
                ooxml("ppt/presentation.xml"),
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ),
            (open("application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
            (
                open("application/vnd.oasis.opendocument.spreadsheet"),
                "application/vnd.oasis.opendocument.spreadsheet",
            ),
            (
                open("application/vnd.oasis.opendocument.presentation"),
                "application/vnd.oasis.opendocument.presentation",
            ),
            (open("application/epub+zip"), "application/epub+zip"),
            (open("application/x-unheard-of"), "application/zip"),
            (zip(&[("photos/a.jpg", b"\xff\xd8\xff")]), "application/zip"),
            (zip(&[("word/document.xml", b"x")]), "application/zip"),
        ];
        for (head, mime) in rows {
            assert_eq!(kind_named(&head, "offer.docx").as_deref(), Some(mime));
            assert!(is_allowed(mime), "{mime}");
        }
    }

    #[test]
    fn old_office_files_are_known_by_their_streams_or_else_by_their_first_sector() {
        let rows: [(&[&str], &[u8], Option<&str>); 8] = [
            (&["Root Entry", "WordDocument"], b"", Some("application/msword")),
            (&["Root Entry", "Workbook"], b"", Some("application/vnd.ms-excel")),
            (&["Root Entry", "Book"], b"", Some("application/vnd.ms-excel")),
            (&["Root Entry", "PowerPoint Document"], b"", Some("application/vnd.ms-powerpoint")),
            (&[], b"\xec\xa5\xc1\0", Some("application/msword")),
            (&[], b"\x09\x08\x10\0\0\x06\x05\0", Some("application/vnd.ms-excel")),
            // An installer for Windows, and a mail.
            (&["Root Entry", "\u{4840}\u{3f3f}"], b"", None),
            (&["Root Entry", "__properties_version1.0"], b"", None),
        ];
        for (streams, first_sector, mime) in rows {
            assert_eq!(kind_named(&compound(streams, first_sector), "letter.doc").as_deref(), mime, "{streams:?}");
        }
        // Cut right behind its first bytes, and with a directory that is nowhere.
        assert_eq!(kind(office::COMPOUND), None);
        let mut far = compound(&["WordDocument"], b"");
        far[48..52].copy_from_slice(&[0xff; 4]);
        assert_eq!(kind(&far), None);
        far[30..32].copy_from_slice(&[0xff; 2]);
        assert_eq!(kind(&far), None);
    }

    #[test]
    fn a_film_without_pictures_is_sound() {
        assert_eq!(kind(&mp4(b"isom", &[b"soun"])).as_deref(), Some("audio/mp4"));
        assert_eq!(kind(&mp4(b"isom", &[b"soun", b"vide"])).as_deref(), Some("video/mp4"));
        // What is not wholly seen may have pictures yet to come.
        let whole = mp4(b"isom", &[b"soun"]);
        assert_eq!(kind(&whole[..whole.len() - 1]).as_deref(), Some("video/mp4"));
        assert_eq!(kind(&[boxed(b"ftyp", b"isom\0\0\0\0"), vec![0; 64]].concat()).as_deref(), Some("video/mp4"));
    }

    #[test]
    fn text_is_text_if_every_byte_of_it_is() {
        for (content, name, mime) in [
            (&b"Hello"[..], "notes.txt", "text/plain"),
            ("Grüße, 世界\r\n\tIndented".as_bytes(), "notes", "text/plain"),
            (b"\xef\xbb\xbfName;Price\r\n", "prices.CSV", "text/csv"),
            (b"a,b\n1,2\n", "prices", "text/plain"),
            (b"BEGIN:VCARD\r\nVERSION:4.0\r\n", "nadia.txt", "text/vcard"),
            (b"\xef\xbb\xbfbegin:vcalendar\nVERSION:2.0\n", "invite", "text/calendar"),
            (b"<3 you", "notes.txt", "text/plain"),
            (b"{\"a\": 1}", "data.json", "text/plain"),
            (b"BMW is a maker of cars", "notes.txt", "text/plain"),
            (b"MZ is how some programs begin", "notes.txt", "text/plain"),
        ] {
            assert_eq!(kind_named(content, name).as_deref(), Some(mime), "{name}: {}", content.escape_ascii());
            assert!(is_allowed(mime), "{mime}");
        }
        // The head ends where it ends, be it inside of a character; a whole file does not.
        let long = [&b"x".repeat(64 * 1024 - 2)[..], &"世".as_bytes()[..2]].concat();
        assert_eq!(kind(&long).as_deref(), Some("text/plain"));
        assert_eq!(kind(&long[1..]), None);
        assert_eq!(kind(&[&long[..], b"x"].concat()), None);
    }

    #[test]
    fn what_a_browser_or_a_machine_could_run_is_nothing_that_is_known() {
        for content in [
            &b"<html><body>"[..],
            b"<!DOCTYPE html>",
            b"\xef\xbb\xbf \r\n\t<script>alert(1)</script>",
            b"\n\x0c\xef\xbb\xbf<HTML>",
            b"<!-- a comment --><p onclick=x>",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            b"<?xml version=\"1.0\"?><svg/>",
            b"<?php echo 1;",
            b"</title><script>",
            b"<a href=x>",
            b"<x onclick=1>",
            b"#!/bin/sh\nrm -rf /",
            b"\xef\xbb\xbf#!/usr/bin/env python3",
            b"@echo off\r\ndel *",
            b"MZ\x90\0\x03\0\0\0",
            b"\x7fELF\x02\x01\x01\0",
            b"\xca\xfe\xba\xbe\0\0\0\x34",
            b"\xff\xfe<\0h\0t\0m\0l\0>\0",
            b"plain\0text",
            b"\x1b[31mred",
            b"\xff\xfe\x41\0",
            b"caf\xe9",
            b"",
        ] {
            for name in ["holiday.png", "notes.txt", "prices.csv", "offer.docx"] {
                assert_eq!(kind_named(content, name), None, "{}", content.escape_ascii());
            }
        }
        let programs = [
            zip(&[("META-INF/MANIFEST.MF", b"Main-Class: X"), ("X.class", b"\xca\xfe\xba\xbe")]),
            zip(&[("AndroidManifest.xml", b"x"), ("classes.dex", b"dex\n")]),
        ];
        for program in programs {
            assert_eq!(kind_named(&program, "photos.zip"), None);
        }
    }

    #[test]
    fn pictures_tell_their_size() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0";
        let gif = b"GIF89a\x0a\0\x14\0\x80\0\0";
        let jpeg = b"\xff\xd8\xff\xc0\0\x11\x08\0\x64\0\xc8\x03\x01\x22\0\x02\x11\x01\x03\x11\x01";
        for (head, width, height) in [(&png[..], 640, 480), (gif, 10, 20), (jpeg, 200, 100)] {
            let content = MagicBytes.inspect(head, "x").unwrap();
            assert_eq!((content.width, content.height), (Some(width), Some(height)), "{}", content.mime);
        }
        let cut = MagicBytes.inspect(b"\xff\xd8\xff\xe0", "x").unwrap();
        assert_eq!((cut.width, cut.height), (None, None));
        let text = MagicBytes.inspect(b"GIF8 is no picture, only text", "x").unwrap();
        assert_eq!((text.mime.as_str(), text.width), ("text/plain", None));
    }

    #[test]
    fn no_beginning_of_any_file_stops_the_server() {
        let whole = [
            mp4(b"isom", &[b"soun", b"vide"]),
            zip(&[("[Content_Types].xml", b"x"), ("word/document.xml", b"x")]),
            compound(&["Root Entry", "WordDocument"], b"\xec\xa5\xc1\0"),
            b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec(),
        ];
        for file in whole {
            for end in 0..=file.len() {
                let _ = kind(&file[..end]);
                let mut wild = file.clone();
                wild[end..].fill(0xff);
                let _ = kind(&wild);
            }
        }
    }
}
