//! A file that a form sent, read as text: Unicode with or without a byte order mark, or else Windows' western letters. Which
//! of them it was is told, so that whoever sees wrong letters knows why.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// What a file was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentFile {
    /// As it is called where it came from.
    pub name: String,
    /// How its letters are written, in words; or why it cannot be read.
    pub read: Result<&'static str, NoText>,
}

/// Why a file is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    #[error(
        "this is a workbook, not a text; in your spreadsheet choose “Save as”, then “CSV UTF-8”, and send that file, or copy the cells and paste them"
    )]
    Workbook,
    #[error("this file is not a text; save the table as CSV (UTF-8) in your spreadsheet and send that file")]
    Binary,
}

/// How the files of zipped and of older workbooks begin.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"];

impl SentFile {
    /// The text, empty when there is none, and what is to be told of it.
    pub(super) fn read(name: &str, bytes: &[u8]) -> (String, Self) {
        let (text, read) = match text_of(bytes) {
            Ok((text, encoding)) => (text, Ok(encoding)),
            Err(why) => (String::new(), Err(why)),
        };
        (text, Self { name: name.to_owned(), read })
    }

    /// How it was read, as a sentence; `None` when it was not.
    pub fn told(&self) -> Option<String> {
        let encoding = self.read.ok()?;
        let hint =
            if encoding.starts_with("UTF") { "" } else { " If letters are wrong, save it as CSV UTF-8." };
        Some(format!("{} was read as {encoding}.{hint}", self.name))
    }
}

fn text_of(bytes: &[u8]) -> Result<(String, &'static str), NoText> {
    if WORKBOOKS.iter().any(|begin| bytes.starts_with(begin)) {
        return Err(NoText::Workbook);
    }
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None => encoding_of(bytes),
    };
    let (text, _, broken) = encoding.decode(bytes);
    // A picture, half a letter.
    if broken || text.contains('\0') {
        return Err(NoText::Binary);
    }
    Ok((text.replace("\r\n", "\n").replace('\r', "\n"), told(encoding)))
}

/// Without a byte order mark. No text holds a NUL, but in UTF-16 every line end, separator and plain letter has one for a
/// byte, always on the same side: a tenth of all at least.
fn encoding_of(bytes: &[u8]) -> &'static Encoding {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let is_even = bytes.len().is_multiple_of(2);
    let are_many = |zeros: usize| is_even && zeros > 0 && zeros * 20 >= bytes.len();
    match (zeros(0), zeros(1)) {
        (big, 0) if are_many(big) => UTF_16BE,
        (0, little) if are_many(little) => UTF_16LE,
        _ if std::str::from_utf8(bytes).is_ok() => UTF_8,
        _ => WINDOWS_1252,
    }
}

fn told(encoding: &'static Encoding) -> &'static str {
    if encoding == UTF_8 {
        "UTF-8"
    } else if encoding == WINDOWS_1252 {
        "Windows-1252, western European letters"
    } else {
        "UTF-16"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "subject;purpose\nzoé;“été”\n";

    fn utf16(text: &str, mark: &[u8], bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        [mark, &text.encode_utf16().flat_map(bytes_of).collect::<Vec<_>>()].concat()
    }

    #[test]
    fn a_file_is_read_as_its_spreadsheet_wrote_it() {
        let (little, big) = (u16::to_le_bytes, u16::to_be_bytes);
        for (bytes, encoding) in [
            (WANTED.as_bytes().to_vec(), "UTF-8"),
            (format!("\u{feff}{WANTED}").into_bytes(), "UTF-8"),
            (WANTED.replace('\n', "\r\n").into_bytes(), "UTF-8"),
            (WANTED.replace('\n', "\r").into_bytes(), "UTF-8"),
            (utf16(WANTED, &[0xff, 0xfe], little), "UTF-16"),
            (utf16(WANTED, &[0xfe, 0xff], big), "UTF-16"),
            (utf16(WANTED, &[], little), "UTF-16"),
            (utf16(WANTED, &[], big), "UTF-16"),
            (
                b"subject;purpose\nzo\xe9;\x93\xe9t\xe9\x94\n".to_vec(),
                "Windows-1252, western European letters",
            ),
        ] {
            assert_eq!(text_of(&bytes), Ok((WANTED.to_owned(), encoding)), "{bytes:?}");
        }
        let cyrillic = utf16("Ада\nБоб\n", &[], little);
        assert_eq!(text_of(&cyrillic), Ok(("Ада\nБоб\n".to_owned(), "UTF-16")));
        assert_eq!(text_of(b""), Ok((String::new(), "UTF-8")));
    }

    #[test]
    fn what_is_no_text_says_what_to_do() {
        assert_eq!(text_of(b"PK\x03\x04\x14\0\x06\0"), Err(NoText::Workbook));
        assert_eq!(text_of(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0"), Err(NoText::Workbook));
        for bytes in [&b"\xff\xfea"[..], b"a\0b", b"subject\r\n\0rom-the-file\r\n", b"\x89PNG\0\0\0\x0d"] {
            assert_eq!(text_of(bytes), Err(NoText::Binary), "{bytes:?}");
        }
    }
}
