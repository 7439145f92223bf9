//! `fader backup` and `fader restore`: what was committed is in the backup, and whoever is killed leaves the old or the new.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use engine::{Attributes, SubjectKey};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use store::{Backups, Clock, Kept, Store};

use crate::{
    app::{TestApp, administrator, environment_key},
    command_line::{Installation, fails, succeeds},
};

/// So many moments at which a command is killed.
const MOMENTS: u32 = 16;
const PEOPLE: usize = 20_000;

/// The head of the audit log of the database in this file.
fn head(fader: &Installation, file: &str) -> String {
    let url = format!("sqlite://{file}");
    let output = fader.run(&["audit", "verify", "--database-url", &url]);
    let head = succeeds(&output).lines().find_map(|line| line.strip_prefix("Head: "));
    head.expect("a head").to_owned()
}

fn change(fader: &Installation, days: &str) {
    succeeds(&fader.run(&["retention", "--env", "staging", "--days", days]));
}

/// With so many people that copying takes a moment.
fn grow(fader: &Installation) {
    let url = format!("sqlite://{}", fader.path().join("fader.db").display());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&url, Clock::System).await.expect("opened");
        let by = store::Principal::command_line().recent_administrator(store.clock().now_ms()).expect("may");
        let person = |number: usize| {
            let traits = serde_json::json!({"country": "CZ", "note": "n".repeat(200)});
            let traits = Attributes::from_json(traits.as_object().expect("an object"));
            (SubjectKey::parse(&format!("person-{number}")).expect("a key"), traits)
        };
        for chunk in (0..PEOPLE).collect::<Vec<_>>().chunks(5_000) {
            let people = chunk.iter().map(|number| person(*number)).collect();
            store.put_people(&by, people).await.expect("stored");
        }
        store.close().await;
    });
}

fn serve(fader: &Installation) -> Child {
    let mut command = fader.command(&["serve", "--addr", "127.0.0.1:0", "--snapshot-file", "off"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // All that it says: it is never without somebody who listens.
    for word in ["http://127.0.0.1:", "/setup"] {
        assert!(lines.next().expect("a line").expect("UTF-8").contains(word));
    }
    child
}

/// Starts the command, and kills it when a part of the time is over that it took before. It may have ended.
fn kill_after(fader: &Installation, args: &[&str], wait: Duration) {
    let mut child = fader.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    std::thread::sleep(wait);
    child.kill().expect("killed");
    child.wait().expect("ended");
}

fn names(fader: &Installation) -> BTreeSet<String> {
    let entries = fs::read_dir(fader.path()).expect("a folder");
    entries.map(|it| it.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_holds_what_was_committed_before() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let folder = tempfile::tempdir().expect("a folder");
    let writing = async |days: std::ops::Range<u32>| {
        for days in days {
            let staging = environment_key("staging");
            app.store.set_retention(&administrator(), Kept::Exposures, &staging, days).await.expect("set");
        }
    };
    for round in 0..5 {
        let file = folder.path().join(format!("{round}.db"));
        let from = 10 + round * 100;
        writing(from..from + 10).await;
        let before = app.store.audit_report(&[]).await.expect("verified").head;
        let backups = Backups::of(&app.database_url, None).expect("a file");
        let (made, ()) = tokio::join!(backups.back_up(&file, false), writing(from + 10..from + 60));
        let made = made.expect("backed up");
        let after = app.store.audit_report(&[]).await.expect("verified").head;
        assert!(made.head.seq >= before.seq && made.head.seq <= after.seq, "{made:?} {before} {after}");
        assert_eq!((made.flags, made.is_current), (1, true));
        let url = format!("sqlite://{}", file.display());
        let copy = Store::open(&url, Clock::System).await.expect("opens");
        let report = copy.audit_report(&[before, made.head.clone()]).await.expect("verified");
        assert_eq!(report.head, made.head);
        assert!(matches!(report.verdict, store::AuditVerdict::Intact { .. }), "{report:?}");
        copy.close().await;
    }
}

#[test]
fn a_backup_replaces_nothing_unless_it_is_told_to() {
    let fader = Installation::new();
    assert!(fails(&fader.run(&["backup", "b.db"]), 1).contains("there is no database"));
    assert!(!fader.path().join("fader.db").exists(), "looking makes none");
    change(&fader, "90");
    let made = fader.run(&["backup", "b.db"]);
    assert!(succeeds(&made).contains("0 flags") && succeeds(&made).contains("1 audit entry"), "{made:?}");
    assert!(succeeds(&made).contains(&head(&fader, "fader.db")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(fader.path().join("b.db")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "password hashes are in it");
    }
    let first = head(&fader, "b.db");
    change(&fader, "91");
    assert!(fails(&fader.run(&["backup", "b.db"]), 1).contains("--force"));
    assert_eq!(head(&fader, "b.db"), first);
    succeeds(&fader.run(&["backup", "b.db", "--force"]));
    assert_eq!(head(&fader, "b.db"), head(&fader, "fader.db"));
    assert!(fails(&fader.run(&["backup", "fader.db", "--force"]), 1).contains("the database itself"));
    assert!(fails(&fader.run(&["backup", "nowhere/b.db"]), 1).contains("nowhere"));
    assert_eq!(names(&fader), ["b.db", "fader.db"].map(str::to_owned).into());
}

#[test]
fn on_postgresql_its_own_tools_are_named() {
    let fader = Installation::new();
    for command in ["backup", "restore"] {
        let output = fader.run(&[command, "b.db", "--database-url", "postgres://nowhere.test/fader"]);
        let told = fails(&output, 1);
        assert!(
            told.contains("pg_dump") && told.contains("pg_restore") && told.lines().count() == 1,
            "{told}"
        );
    }
}

#[test]
fn what_was_there_is_kept_and_a_server_starts_on_what_was_restored() {
    let fader = Installation::new();
    change(&fader, "90");
    succeeds(&fader.run(&["backup", "b.db"]));
    let first = head(&fader, "fader.db");
    change(&fader, "91");
    // A server that was killed leaves its last commits in the log beside the file.
    let mut server = serve(&fader);
    change(&fader, "92");
    let told = fails(&fader.run(&["restore", "b.db"]), 1).to_owned();
    assert!(told.contains(&format!("process {}", server.id())) && told.contains("stop the server"), "{told}");
    server.kill().expect("killed");
    server.wait().expect("ended");
    let restored = fader.run(&["restore", "b.db"]);
    assert!(succeeds(&restored).contains("fader.db.replaced-1"), "{restored:?}");
    assert_eq!(head(&fader, "fader.db"), first);
    let kept = fader.run(&["audit", "verify", "--database-url", "sqlite://fader.db.replaced-1"]);
    assert!(succeeds(&kept).contains("intact: 3 entries"), "{kept:?}");
    let mut server = serve(&fader);
    server.kill().expect("killed");
    server.wait().expect("ended");
    succeeds(&fader.run(&["restore", "fader.db.replaced-1"]));
    assert!(fader.path().join("fader.db.replaced-2").exists());
    assert!(succeeds(&fader.run(&["audit", "verify"])).contains("intact: 3 entries"));
}

#[test]
fn a_broken_database_is_replaced_and_a_missing_one_made() {
    let fader = Installation::new();
    change(&fader, "90");
    succeeds(&fader.run(&["backup", "b.db"]));
    let garbage = "x".repeat(10_000);
    fs::write(fader.path().join("fader.db"), &garbage).expect("broken");
    fs::write(fader.path().join("fader.db-wal"), "a log of something else").expect("written");
    succeeds(&fader.run(&["restore", "b.db"]));
    assert_eq!(head(&fader, "fader.db"), head(&fader, "b.db"));
    let kept = |name: &str| fs::read_to_string(fader.path().join(name)).expect("kept");
    assert_eq!(kept("fader.db.replaced-1"), garbage);
    assert_eq!(kept("fader.db.replaced-1-wal"), "a log of something else");
    fs::remove_file(fader.path().join("fader.db")).expect("removed");
    assert!(!succeeds(&fader.run(&["restore", "b.db"])).contains("replaced"));
    assert_eq!(head(&fader, "fader.db"), head(&fader, "b.db"));
}

async fn sql(file: &Path, sql: &'static str) {
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("connects");
    connection.execute(sqlx::raw_sql(sql)).await.expect("works");
    connection.close().await.expect("closed");
}

#[tokio::test]
async fn what_is_no_whole_backup_of_this_or_an_older_release_is_refused() {
    let fader = Installation::new();
    change(&fader, "90");
    let before = head(&fader, "fader.db");
    let file = |name: &str| fader.path().join(name);
    fs::write(file("text"), "nothing of a database".repeat(1_000)).expect("written");
    fs::write(file("empty"), "").expect("written");
    sql(&file("foreign"), "CREATE TABLE x (y TEXT)").await;
    for name in ["newer", "changed", "cut", "tampered"] {
        succeeds(&fader.run(&["backup", name]));
    }
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of tomorrow', 1, x'00', 0)";
    sql(&file("newer"), newer).await;
    sql(&file("changed"), "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").await;
    sql(&file("tampered"), "UPDATE workspace SET audit_hash = 'another'").await;
    let bytes = fs::read(file("cut")).expect("read");
    fs::write(file("cut"), &bytes[..bytes.len() / 2]).expect("cut");
    for (name, word) in [
        ("text", "no whole database of Fader"),
        ("empty", "no whole database of Fader"),
        ("foreign", "no whole database of Fader"),
        ("changed", "no whole database of Fader"),
        ("cut", "no whole database of Fader"),
        ("newer", "newer release"),
        ("tampered", "audit log is broken"),
        ("nothing", "nothing"),
        ("fader.db", "the database itself"),
    ] {
        let told = fader.run(&["restore", name]);
        assert!(fails(&told, 1).contains(word), "{name}: {told:?}");
        assert_eq!(head(&fader, "fader.db"), before, "{name}");
    }
    assert!(!names(&fader).iter().any(|name| name.contains("restoring") || name.contains("replaced")));
}

#[tokio::test]
async fn what_cannot_be_vouched_for_is_backed_up_and_said_so() {
    let fader = Installation::new();
    change(&fader, "90");
    let file = |name: &str| fader.path().join(name);
    sql(&file("fader.db"), "UPDATE workspace SET audit_hash = 'another'").await;
    let made = fader.run(&["backup", "b.db"]);
    let told = fails(&made, 1);
    assert!(told.contains("b.db is written, but its audit log is broken"), "{told}");
    assert!(names(&fader).contains("b.db") && !names(&fader).iter().any(|name| name.contains("part")));
    let mut copy =
        SqliteConnection::connect(&format!("sqlite://{}", file("b.db").display())).await.expect("opens");
    let entries: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM audit").fetch_one(&mut copy).await.expect("reads");
    assert_eq!(entries, 1, "whole");
    copy.close().await.expect("closed");
    assert!(fails(&fader.run(&["restore", "b.db"]), 1).contains("audit log is broken"));
}

#[test]
fn a_killed_backup_leaves_the_database_and_the_backup_of_before() {
    let fader = Installation::new();
    grow(&fader);
    succeeds(&fader.run(&["backup", "b.db"]));
    let old = head(&fader, "b.db");
    change(&fader, "90");
    let new = head(&fader, "fader.db");
    let began = Instant::now();
    succeeds(&fader.run(&["backup", "whole.db"]));
    let took = began.elapsed();
    for moment in 0..MOMENTS {
        kill_after(&fader, &["backup", "b.db", "--force"], took * moment / MOMENTS);
        let found = head(&fader, "b.db");
        assert!(found == old || found == new, "{moment}: {found}");
        kill_after(&fader, &["backup", "c.db"], took * moment / MOMENTS);
        if fader.path().join("c.db").exists() {
            assert_eq!(head(&fader, "c.db"), new);
            fs::remove_file(fader.path().join("c.db")).expect("removed");
        }
        assert_eq!(head(&fader, "fader.db"), new);
    }
    succeeds(&fader.run(&["backup", "b.db", "--force"]));
    succeeds(&fader.run(&["backup", "c.db"]));
    assert_eq!((head(&fader, "b.db"), head(&fader, "c.db")), (new.clone(), new));
    assert!(!names(&fader).iter().any(|name| name.contains(".part")), "{:?}", names(&fader));
}

#[test]
fn a_killed_restore_leaves_the_old_database_or_the_new_one() {
    let fader = Installation::new();
    grow(&fader);
    succeeds(&fader.run(&["backup", "b.db"]));
    let new = head(&fader, "b.db");
    change(&fader, "90");
    let old = head(&fader, "fader.db");
    fs::copy(fader.path().join("fader.db"), fader.path().join("old.db")).expect("copied");
    let began = Instant::now();
    succeeds(&fader.run(&["restore", "b.db"]));
    let took = began.elapsed();
    let mut seen = BTreeSet::new();
    for moment in 0..=MOMENTS {
        fs::copy(fader.path().join("old.db"), fader.path().join("fader.db")).expect("copied");
        kill_after(&fader, &["restore", "b.db"], took * moment / MOMENTS * 5 / 4);
        let mut server = serve(&fader);
        server.kill().expect("killed");
        server.wait().expect("ended");
        let found = head(&fader, "fader.db");
        assert!(found == old || found == new, "{moment}: {found}");
        seen.insert(found);
        for kept in names(&fader).iter().filter(|name| name.contains(".replaced-")) {
            assert_eq!(head(&fader, kept), old, "{kept}");
            fs::remove_file(fader.path().join(kept)).expect("removed");
        }
    }
    assert!(seen.contains(&old), "the first was killed before it did anything");
    succeeds(&fader.run(&["restore", "b.db"]));
    assert_eq!(head(&fader, "fader.db"), new);
    assert!(!names(&fader).iter().any(|name| name.contains("restoring")), "{:?}", names(&fader));
}
