//! Tables as text: CSV as people paste it and as spreadsheets write it (RFC 4180 with commas, semicolons or tabs, a byte
//! order mark, `sep=;`, either line end), and CSV as we send it.

use std::io::Read as _;

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

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

/// The lines of a table, the one with the names included, and without empty ones.
pub fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    let (delimiter, begin) = delimiter_of(text);
    let table = &text[begin..];
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(table.as_bytes().chain("\n".as_bytes()).chain(END.as_bytes()));
    let mut record = csv::StringRecord::new();
    let (mut end, mut counted, mut number) = (0, 0, 1);
    std::iter::from_fn(move || {
        if !reader.read_record(&mut record).unwrap_or(false) {
            return None;
        }
        let began = table.len() - table[end..].trim_start_matches(['\r', '\n']).len();
        end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX).min(table.len());
        if &record == vec![END].as_slice() {
            return None;
        }
        let began = began.min(end);
        // Lines are counted from the very beginning, what stands before the table included.
        number += text[counted..begin + began].matches('\n').count();
        counted = begin + began;
        let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
        // Only inside quotation marks does a cell hold the line end before it.
        let rest = cells.last().and_then(|cell| cell.strip_suffix(END)?.strip_suffix('\n')).map(str::len);
        let open = rest.is_some();
        if let (Some(rest), Some(cell)) = (rest, cells.last_mut()) {
            cell.truncate(rest);
        }
        Some(Row { number, text: table[began..end].trim_end_matches(['\r', '\n']), cells, open })
    })
}

/// What separates the cells, and where the table begins: after a byte order mark and a line `sep=;`, by which some
/// spreadsheets say it.
fn delimiter_of(text: &str) -> (u8, usize) {
    let table = text.strip_prefix('\u{feff}').unwrap_or(text);
    let begin = text.len() - table.len();
    let first = table.lines().next().unwrap_or_default();
    if let Some(&[said]) = first.strip_prefix("sep=").map(str::as_bytes)
        && said.is_ascii()
    {
        let rest = table[first.len()..].trim_start_matches('\r');
        let rest = rest.strip_prefix('\n').unwrap_or(rest);
        return (said, text.len() - rest.len());
    }
    let count = |delimiter: u8| first.bytes().filter(|byte| *byte == delimiter).count();
    // The first of equals: a comma where there is one column only.
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(|it| count(*it)).unwrap_or(b',');
    (delimiter, begin)
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
            read(&table.replace("\r\n", "\r")).len(),
            3,
            "as old spreadsheets on a Mac end their lines"
        );
        let said = read("\u{feff}sep=;\r\nid;name, first\r\nada;b\r\n");
        assert_eq!(said, [(2, cells(&["id", "name, first"])), (3, cells(&["ada", "b"]))]);
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
