use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn list(text: &str) -> EnrolmentList {
    let otherwise = RawLine { purpose: "pilot", until: "1970-01-03", ..RawLine::default() };
    EnrolmentList::parse(text, otherwise, 0)
}

fn subjects(list: &EnrolmentList) -> Vec<&str> {
    list.lines.iter().map(|line| line.subject.as_str()).collect()
}

fn wrong(list: &EnrolmentList) -> Vec<(usize, &str)> {
    list.malformed.iter().map(|line| (line.number, &*line.why)).collect()
}

#[test]
fn a_plain_list_has_one_key_per_line() {
    let read = list("ada\r\n\n Bob of sales \n\u{1}x\n");
    assert_eq!(subjects(&read), ["ada", "Bob of sales"]);
    assert_eq!(read.lines[1].number, 3);
    assert_eq!((read.lines[0].purpose.as_str(), read.lines[0].until_ms), ("pilot", Some(3 * DAY_MS)));
    assert_eq!(wrong(&read).iter().map(|it| it.0).collect::<Vec<_>>(), [4]);
    assert!(list(" \n\n").is_empty());
}

#[test]
fn csv_has_its_own_purposes_and_times() {
    let read = list(
        "\u{feff}Subject,purpose,from,until\nada,\"calls, \"\"live\"\"\",1970-01-02,1970-01-02 14:10\nbob\n\n,x,,\n\
         cyd,,soon,\ndan,,1970-01-05,1970-01-04\neve,,,,more\n\"f\ng\",,,\nhal,\"open\n",
    );
    assert_eq!(subjects(&read), ["ada", "bob"]);
    let ada = &read.lines[0];
    assert_eq!(ada.purpose, "calls, \"live\"");
    assert_eq!((ada.from_ms, ada.until_ms), (Some(DAY_MS), Some(DAY_MS + 51_000_000)));
    assert_eq!(read.lines[1].purpose, "pilot");
    assert_eq!(
        wrong(&read),
        [
            (5, "the targeting key must not be empty"),
            (
                6,
                "a moment is written like 2026-03-01, 2026-03-01 14:10 (in UTC) or 2026-03-01T14:10:00+01:00"
            ),
            (7, "the end is before the beginning"),
            (8, "has more fields than the header has columns"),
            (9, "the targeting key must not contain control characters or begin or end with a space"),
            (11, "a quotation mark is never closed"),
        ]
    );
    assert_eq!(subjects(&list("until;subject\n1970-01-02;ada\n")), ["ada"]);
    assert_eq!(subjects(&list("sep=;\r\nsubject;purpose\r\nada;a,b\r\n")), ["ada"]);
}

#[test]
fn testers_stand_several_on_a_line_and_between_quotation_marks() {
    let read = list("\n\"ada\";bob;\n\n\"Holm, Nils\"; cyd ;;\n");
    assert_eq!(subjects(&read), ["ada", "bob", "Holm, Nils", "cyd"]);
    assert_eq!(read.lines.iter().map(|it| it.number).collect::<Vec<_>>(), [2, 2, 4, 4]);
    assert_eq!((wrong(&read), &read.columns), (vec![], &None));
    assert_eq!(subjects(&list("ada\tbob\rcyd")), ["ada", "bob", "cyd"]);
    let read = list("Moreau, Ada");
    assert_eq!(subjects(&read), ["Moreau", "Ada"]);
    assert_eq!(read.whole.get(&1).map(String::as_str), Some("Moreau, Ada"), "perhaps somebody's name");
    let read = list("Ada Moreau <ada@belvedere.example>, bob@nordlys.example");
    assert_eq!(read.lines[0].also, ["ada@belvedere.example"]);
    assert_eq!(wrong(&list("ada\n\"bob")), [(2, "a quotation mark is never closed")]);
}

#[test]
fn a_first_line_names_the_columns() {
    for text in
        ["id,purpose\nada,calls", "purpose;e-mail;\ncalls;ada;\n", "\n\nTargeting key\tPurpose\nada\tcalls"]
    {
        let read = list(text);
        assert_eq!(subjects(&read), ["ada"], "{text}");
        assert_eq!(read.lines[0].purpose, "calls", "{text}");
    }
    let read = list("name;Company;E-Mail;id;;\nAda;B;a@b.example;;;\nBob;N;;bob\n");
    assert_eq!(subjects(&read), ["a@b.example", "bob"], "a key before an address before a name");
    assert_eq!(read.lines[0].also, ["Ada"]);
    let columns = read.columns.expect("columns");
    assert_eq!(columns.testers, ["id", "E-Mail", "name"]);
    assert_eq!((columns.others.len(), columns.left_out), (0, vec!["Company".to_owned()]));
}

#[test]
fn a_first_line_that_leaves_it_open_is_refused() {
    let why = |text: &str| list(text).refused.expect("refused");
    assert_eq!(
        why("id,Purpose,purpose\nada,x,y"),
        "two columns are called “purpose”: rename or remove one of them"
    );
    assert!(why("purpose,until\nx,2030-01-01").contains("call one id, e-mail or name"));
    assert_eq!(list("id,tier,tier\nada,x,y").refused, None, "they do not count");
}

#[test]
fn an_end_that_has_passed_enrols_nobody() {
    let otherwise = RawLine { until: "1970-01-01 00:00:01", ..RawLine::default() };
    assert_eq!(wrong(&EnrolmentList::parse("ada", otherwise, 1000)), [(1, "the end has passed already")]);
}

#[test]
fn a_list_has_an_end() {
    let read = list(&"x\n".repeat(ENROLMENTS_MAX + 5));
    assert_eq!((read.lines.len(), read.malformed.len()), (ENROLMENTS_MAX, 1));
    let read = list(&format!("id\n{}", "x,y\n".repeat(ENROLMENTS_MAX + 5)));
    assert_eq!(read.malformed.len(), ENROLMENTS_MAX + 1, "of lines that cannot be read as well");
}
