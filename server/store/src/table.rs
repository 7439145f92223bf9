//! Tables as text: CSV as people paste it and as spreadsheets write it (RFC 4180 with commas, semicolons or tabs, a byte
//! order mark, `sep=;`, either line end), and CSV as we send it.

use std::io::Read as _;

/// Before CSV that is sent: by it Excel knows UTF-8.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
const LINE_ENDS: [char; 2] = ['\r', '\n'];

/// Stands on a line of its own after the end of every text. What is read with it in a cell has an open quotation mark.
/// No text that was sent holds it.
const END: &str = "\0";

/// One line of a table; a quoted cell may hold line breaks, so it can span several lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'t> {
    /// Of its first line of text; 1 for the first line of all.
    pub number: usize,
    /// As it was written.
    pub text: &'t str,
    pub cells: Vec<String>,
    /// The text ended inside quotation marks.
    pub open: bool,
}

impl Row<'_> {
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// The lines of a table, the one with the names included, and without empty ones. What separates the cells is read off the
/// first line that is not empty.
pub fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    let (said, begin) = begin_of(text);
    let first = text[begin..].split(LINE_ENDS).find(|line| !line.trim().is_empty()).unwrap_or_default();
    // The first of equals: a comma where there is one column only.
    let count = |separator: u8| unquoted(first).filter(|byte| *byte == separator).count();
    let separator = said.or_else(|| SEPARATORS.into_iter().rev().max_by_key(|it| count(*it)));
    read(text, begin, separator.unwrap_or(b','))
}

/// The lines of a text in which every cell stands for itself: as many to a line as somebody liked, so all lines say
/// together what separates them.
pub fn rows_of_list(text: &str) -> impl Iterator<Item = Row<'_>> {
    let (said, begin) = begin_of(text);
    let has = |separator: u8| unquoted(&text[begin..]).any(|byte| byte == separator);
    // A comma stands in names as well (`Moreau, Ada; Holm, Nils`): the others are meant where they stand.
    let separator = said.or_else(|| SEPARATORS.into_iter().rev().find(|it| has(*it)));
    read(text, begin, separator.unwrap_or(b','))
}

fn read(text: &str, begin: usize, separator: u8) -> impl Iterator<Item = Row<'_>> {
    let table = &text[begin..];
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(table.as_bytes().chain("\n".as_bytes()).chain(END.as_bytes()));
    let mut record = csv::StringRecord::new();
    let (mut end, mut counted, mut number) = (0, 0, 1);
    std::iter::from_fn(move || {
        if !reader.read_record(&mut record).unwrap_or(false) {
            return None;
        }
        let began = table.len() - table[end..].trim_start_matches(LINE_ENDS).len();
        end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX).min(table.len());
        if &record == vec![END].as_slice() {
            return None;
        }
        let began = began.min(end);
        // Lines are counted from the very beginning, what stands before the table included.
        number += line_ends(&text[counted..begin + began]);
        counted = begin + began;
        let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
        // Only inside quotation marks does a cell hold the line end before it.
        let rest = cells.last().and_then(|cell| cell.strip_suffix(END)?.strip_suffix('\n')).map(str::len);
        let open = rest.is_some();
        if let (Some(rest), Some(cell)) = (rest, cells.last_mut()) {
            cell.truncate(rest);
        }
        Some(Row { number, text: table[began..end].trim_end_matches(LINE_ENDS), cells, open })
    })
}

/// What the text says itself of what separates the cells, and where the table begins: after a byte order mark and a line
/// `sep=;`, as some spreadsheets write it.
fn begin_of(text: &str) -> (Option<u8>, usize) {
    let table = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let table = table.trim_start_matches(LINE_ENDS);
    let first = table.split(LINE_ENDS).next().unwrap_or_default();
    if let Some(&[said]) = first.strip_prefix("sep=").map(str::as_bytes)
        && said.is_ascii()
    {
        return (Some(said), text.len() - table.len() + first.len());
    }
    (None, text.len() - table.len())
}

/// The bytes of a text that stand outside quotation marks.
fn unquoted(text: &str) -> impl Iterator<Item = u8> {
    let mut quoted = false;
    text.bytes().filter(move |byte| {
        quoted ^= *byte == b'"';
        !quoted
    })
}

/// `\r\n` ends one line.
fn line_ends(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = |(at, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    bytes.iter().enumerate().filter(|it| ends(*it)).count()
}

/// One line of CSV with its line end. A cell that a spreadsheet would run as a formula gets an apostrophe before it.
pub fn line<'c>(cells: impl IntoIterator<Item = &'c str>) -> String {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::with_capacity(256));
    let guarded = cells.into_iter().map(|cell| {
        let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        [guard, cell].concat()
    });
    // Neither writing to memory nor making text of text can fail.
    let written =
        writer.write_record(guarded.collect::<Vec<_>>()).ok().and_then(|()| writer.into_inner().ok());
    written.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, Vec<String>)> {
        rows(text).map(|row| (row.number, row.cells)).collect()
    }

    fn cells(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn a_nul_that_no_door_would_let_in_breaks_nothing() {
        assert_eq!(read("a?\0\u{feff}\0"), [(1, cells(&["a?\0\u{feff}\0"]))]);
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let wanted =
            vec![(1, cells(&["id", "name"])), (2, cells(&["ada", "A; \"B\"\nC"])), (4, cells(&["bob", ""]))];
        let table = "id;name\r\nada;\"A; \"\"B\"\"\nC\"\r\nbob;\r\n";
        assert_eq!(read(table), wanted);
        assert_eq!(read(&format!("\u{feff}{table}")), wanted);
        assert_eq!(read(&table.replace(';', "\t").replace("A\t", "A;")), wanted);
        assert_eq!(
            read(&table.replace("\r\n", "\r")),
            wanted,
            "as old spreadsheets on a Mac end their lines"
        );
        let said = read("\u{feff}sep=;\r\nid;name, first\r\nada;b\r\n");
        assert_eq!(said, [(2, cells(&["id", "name, first"])), (3, cells(&["ada", "b"]))]);
        let late = read("\r\n\r\nid;name;first, last\r\n");
        assert_eq!(late, [(3, cells(&["id", "name", "first, last"]))], "a blank first line says nothing");
        assert_eq!(read("\"a, b, c\";d"), [(1, cells(&["a, b, c", "d"]))], "commas in quotation marks");
    }

    #[test]
    fn all_lines_of_a_list_say_what_separates_it() {
        let read = |text: &str| rows_of_list(text).map(|row| row.cells).collect::<Vec<_>>();
        assert_eq!(read("ada\nbob; cyd\n"), [cells(&["ada"]), cells(&["bob", " cyd"])]);
        assert_eq!(read("Moreau, Ada; Holm, Nils"), [cells(&["Moreau, Ada", " Holm, Nils"])]);
        assert_eq!(read("ada, bob,\n\"x; y\""), [cells(&["ada", " bob", ""]), cells(&["x; y"])]);
        assert_eq!(read("sep=,\na;b,c"), [cells(&["a;b", "c"])]);
    }

    #[test]
    fn numbers_are_of_the_lines_of_the_text() {
        let text = "\n\nid\n\r\n\"a\nb\"\nc";
        let numbers: Vec<_> = rows(text).map(|row| (row.number, row.text)).collect();
        assert_eq!(numbers, [(3, "id"), (5, "\"a\nb\""), (7, "c")]);
        assert_eq!(read(""), []);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_told() {
        let last = |text: &'static str| rows(text).last().expect("a row");
        let open = last("id,name\nada,\"Ada\nbob,Bob\n");
        assert_eq!((open.open, open.number, open.text), (true, 2, "ada,\"Ada\nbob,Bob"));
        assert_eq!(open.cells, ["ada", "Ada\nbob,Bob\n"]);
        assert!(last("ada,\"").open);
        assert!(!last("ada,\"a\n\"\n").open);
        assert!(!last("ada,\"a\n\"").open);
        assert!(!last("ada,a\"").open);
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_runs() {
        assert_eq!(line(["plain", "a, \"b\"", "c\r\nd", ""]), "plain,\"a, \"\"b\"\"\",\"c\r\nd\",\r\n");
        assert_eq!(line(["=1+1", "-1", "@a", "+a", "\ta"]), "'=1+1,'-1,'@a,'+a,'\ta\r\n");
        let read: Vec<_> = rows(&line(["a\n", "b,\"", "c;"])).map(|row| row.cells).collect();
        assert_eq!(read, [["a\n", "b,\"", "c;"]]);
    }
}
