//! The binary as an operator uses it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

pub struct Installation(TempDir);

impl Installation {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fader"));
        command.args(args).env_clear().current_dir(self.0.path());
        command.env("FADER_DATABASE_URL", "sqlite://fader.db");
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, "")
    }

    fn run_with(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut stdin = child.stdin.take().expect("piped");
        // A command that needs no input may be gone before it is written.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        child.wait_with_output().expect("ends")
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

pub fn succeeds(output: &Output) -> &str {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

pub fn fails(output: &Output, code: i32) -> &str {
    assert_eq!(output.status.code(), Some(code), "{} {}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn a_member_is_added_with_a_password_from_standard_input() {
    let fader = Installation::new();
    let add = ["user", "add", "--email", "ada@example.test", "--name", "Ada", "--role", "product"];
    let long = "a password that is long\n";
    assert!(succeeds(&fader.run_with(&add, long)).contains("ada@example.test"));
    assert!(fails(&fader.run_with(&add, long), 1).contains("exists"));
    let other = ["user", "add", "--email", "bob@example.test", "--name", "Bob", "--role", "qa"];
    assert!(fails(&fader.run(&other), 1).contains("standard input"));
    assert!(fails(&fader.run_with(&other, "short\n"), 1).contains("password"));
    let role = ["user", "add", "--email", "x@example.test", "--name", "X", "--role", "boss"];
    assert!(fails(&fader.run_with(&role, long), 2).contains("admin, product, qa, support, viewer"));
}

#[test]
fn a_token_is_printed_once_and_nothing_else() {
    let fader = Installation::new();
    let server = ["token", "create", "--kind", "server", "--env", "production", "--name", "Backend"];
    let output = fader.run(&server);
    let token = succeeds(&output).strip_suffix('\n').expect("a line");
    assert!(token.starts_with("fdr_server_production_") && !token.contains(char::is_whitespace), "{token}");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    let client = ["token", "create", "--kind", "client", "--env", "staging", "--name", "Shop"];
    assert!(fails(&fader.run(&client), 1).contains("origin"));
    let with_origin =
        [&client[..], &["--origin", "https://shop.test", "--origin", "http://localhost:5173"]].concat();
    assert!(succeeds(&fader.run(&with_origin)).starts_with("fdr_client_staging_"));
    let nowhere = ["token", "create", "--kind", "server", "--env", "nowhere", "--name", "X"];
    assert!(fails(&fader.run(&nowhere), 1).contains("nowhere"));
}

#[test]
fn the_demo_is_seeded_into_an_empty_installation_only() {
    let demo = Installation::new();
    assert!(succeeds(&demo.run(&["seed", "demo"])).contains("The demo is ready."));
    assert!(succeeds(&demo.run(&["seed", "demo"])).contains("The demo is there already."));
    let fader = Installation::new();
    let add = ["user", "add", "--email", "ada@example.test", "--name", "Ada", "--role", "admin"];
    assert!(fails(&fader.run_with(&add, "password12\n"), 1).contains("tried first"));
    succeeds(&fader.run_with(&add, "a password that is long\n"));
    let refused = fader.run(&["seed", "demo"]);
    assert!(fails(&refused, 1).contains("this installation has members"));
    assert!(refused.stdout.is_empty(), "{}", text(&refused.stdout));
}

#[test]
fn tokens_are_listed_rotated_and_revoked() {
    let fader = Installation::new();
    let add = ["user", "add", "--email", "ada@example.test", "--name", "Ada", "--role", "product"];
    succeeds(&fader.run_with(&add, "a password that is long\n"));
    let server =
        ["token", "create", "--kind", "server", "--name", "Backend", "--writes-traits", "--expires", "never"];
    assert!(fails(&fader.run(&server), 2).contains("--env"), "a server token is bound to an environment");
    succeeds(&fader.run(&[&server[..], &["--env", "production"]].concat()));
    let admin = ["token", "create", "--kind", "admin", "--role", "qa", "--name", "deploy-bot"];
    let admin = [&admin[..], &["--owner", "ada@example.test", "--expires", "7"]].concat();
    assert!(
        succeeds(&fader.run(&admin)).starts_with("fdr_admin_workspace_"),
        "without --env: the whole workspace"
    );
    let unknown = [&admin[..6], &["--name", "x", "--owner", "eve@example.test"]].concat();
    assert!(fails(&fader.run(&unknown), 1).contains("eve@example.test"));
    assert!(fails(&fader.run(&[&admin[..8], &["--expires", "731"]].concat()), 2).contains("1 to 730"));
    assert!(fails(&fader.run(&[&admin[..8], &["--expires", "never"]].concat()), 1).contains("never expire"));
    let listed =
        |at: usize| succeeds(&fader.run(&["token", "list"])).lines().nth(at).expect("a line").to_owned();
    let (bot, backend) = (listed(0), listed(1));
    for word in ["admin (QA) for the whole workspace", "owner ada@example.test", "expires soon", "deploy-bot"]
    {
        assert!(bot.contains(word), "{word}: {bot}");
    }
    for word in ["server for production, stores people", "owner nobody", "last used never", "without an end"]
    {
        assert!(backend.contains(word), "{word}: {backend}");
    }
    assert!(
        succeeds(&fader.run(&["token", "rotate", "1", "--overlap", "0"]))
            .starts_with("fdr_server_production_")
    );
    assert!(listed(1).contains("works until") && listed(1) != backend);
    assert!(fails(&fader.run(&["token", "rotate", "9"]), 1).contains("does not exist"));
    succeeds(&fader.run(&["token", "revoke", "1"]));
    assert!(listed(1).contains("revoked"));
    assert!(fails(&fader.run(&["token", "rotate", "1"]), 1).contains("revoked"));
}

#[test]
fn a_retention_is_set_per_environment() {
    let fader = Installation::new();
    let set = |environment, days| fader.run(&["retention", "--env", environment, "--days", days]);
    assert_eq!(succeeds(&set("production", "90")), "Exposures in production are kept for 90 days.\n");
    let feedback = fader.run(&["retention", "--env", "production", "--days", "90", "--feedback"]);
    assert_eq!(succeeds(&feedback), "Feedback in production is kept for 90 days.\n");
    assert!(fails(&set("production", "0"), 1).contains("1 to 3650 days"));
    assert!(fails(&set("nowhere", "90"), 1).contains("nowhere"));
    assert!(fails(&set("production", "long"), 2).contains("--days"));
}

#[test]
fn the_audit_log_is_verified() {
    let fader = Installation::new();
    assert!(succeeds(&fader.run(&["migrate"])).contains("up to date"));
    succeeds(&fader.run(&[
        "token",
        "create",
        "--kind",
        "server",
        "--env",
        "production",
        "--name",
        "Backend",
    ]));
    assert!(succeeds(&fader.run(&["audit", "verify"])).contains("intact"));
}

#[test]
fn a_noted_head_is_expected_of_the_audit_log() {
    let fader = Installation::new();
    let change =
        |days: &str| succeeds(&fader.run(&["retention", "--env", "staging", "--days", days])).to_owned();
    change("90");
    let printed = succeeds(&fader.run(&["audit", "verify"])).to_owned();
    let head = printed.lines().find_map(|line| line.strip_prefix("Head: ")).expect("a head").to_owned();
    assert!(head.starts_with("1:") && head.len() == 66, "{head}");
    change("91");
    let verify = |head: &str| fader.run(&["audit", "verify", "--expect-head", head]);
    assert!(succeeds(&verify(&head)).contains("intact: 2 entries"));
    let other = format!("1:{}", "0".repeat(64));
    assert!(fails(&verify(&other), 1).contains("entry 1: another entry stood here"));
    let later = format!("3:{}", "0".repeat(64));
    assert!(fails(&verify(&later), 1).contains("entry 3: the entry was there"));
    assert!(fails(&verify("nonsense"), 2).contains("SEQ:HASH"));
}

#[test]
fn a_key_signs_checkpoints_that_are_verified_later() {
    let fader = Installation::new();
    let public = succeeds(&fader.run(&["audit", "keygen", "audit.key"])).trim().to_owned();
    assert_eq!(public.len(), 64);
    assert!(!fader.path().join("fader.db").exists(), "a key needs no database");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(fader.path().join("audit.key")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(fails(&fader.run(&["audit", "keygen", "audit.key"]), 1).contains("never replaced"));
    succeeds(&fader.run(&["retention", "--env", "staging", "--days", "90"]));
    let serve =
        ["serve", "--addr", "127.0.0.1:0", "--audit-key", "audit.key", "--audit-checkpoints", "heads"];
    let mut child =
        fader.command(&serve).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.next().expect("a line").expect("UTF-8").contains("http://127.0.0.1:"));
    let file = fader.path().join("heads");
    let written = || std::fs::read_to_string(&file).unwrap_or_default();
    for _ in 0..1000 {
        if !written().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // What happens after the first checkpoint is noted when the server stops.
    succeeds(&fader.run(&["retention", "--env", "staging", "--days", "91"]));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    assert!(child.wait().expect("ends").success());
    let noted = written();
    let seqs: Vec<_> = noted
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["seq"].clone())
        .collect();
    assert_eq!(seqs.first(), Some(&1.into()), "{noted}");
    assert_eq!(seqs.last(), Some(&2.into()), "{noted}");
    let verify = |key: &str| fader.run(&["audit", "verify", "--checkpoints", "heads", "--public-key", key]);
    assert!(succeeds(&verify(&public)).contains("heads that are there"));
    let other = succeeds(&fader.run(&["audit", "keygen", "other.key"])).trim().to_owned();
    assert!(fails(&verify(&other), 1).contains("not signed with this key"));
    let forged = noted.replacen("\"seq\":1", "\"seq\":2", 1);
    std::fs::write(&file, forged).expect("forged");
    assert!(fails(&verify(&public), 1).contains("line 1"));
    assert!(fails(&fader.run(&["audit", "verify", "--checkpoints", "heads"]), 2).contains("--public-key"));
    assert!(
        fails(&fader.run(&["serve", "--addr", "127.0.0.1:0", "--audit-key", "heads"]), 1)
            .contains("holds no audit key")
    );
}

#[test]
fn a_secret_from_outside_is_asked_for_once_it_was_used() {
    let fader = Installation::new();
    std::fs::write(fader.path().join("secret"), "short").expect("written");
    let change = ["retention", "--env", "staging", "--days", "90", "--audit-secret-file", "secret"];
    assert!(fails(&fader.run(&change), 1).contains("at least 32 characters"));
    std::fs::write(fader.path().join("secret"), format!("{}\n", "s".repeat(40))).expect("written");
    succeeds(&fader.run(&change));
    assert!(fails(&fader.run(&["audit", "verify"]), 1).contains("--audit-secret-file"));
    assert!(
        fails(&fader.run(&["retention", "--env", "staging", "--days", "91"]), 1)
            .contains("--audit-secret-file")
    );
    let verify = ["audit", "verify", "--audit-secret-file", "secret"];
    assert!(succeeds(&fader.run(&verify)).contains("intact: 1 entry"));
    std::fs::write(fader.path().join("secret"), "t".repeat(40)).expect("written");
    assert!(fails(&fader.run(&verify), 1).contains("another secret"));
}

#[test]
fn bad_arguments_are_explained() {
    let fader = Installation::new();
    for (args, word) in [
        (&["serve", "--addr", "nonsense"][..], "--addr"),
        (&["serve", "--public-url", "fader.test"], "https://"),
        (&["token", "create", "--kind", "browser", "--env", "production", "--name", "x"], "server, client"),
        (&["nonsense"], "nonsense"),
    ] {
        assert!(fails(&fader.run(args), 2).contains(word), "{args:?}");
    }
    let database = fails(&fader.run(&["migrate", "--database-url", "mysql://x"]), 1).to_owned();
    assert!(database.contains("sqlite://") && database.contains("postgres://"), "{database}");
    assert!(succeeds(&fader.run(&["--help"])).contains("serve"));
    assert!(succeeds(&fader.run(&["--version"])).starts_with("fader "));
}

#[test]
fn the_server_tells_how_to_begin_and_stops_when_told() {
    let fader = Installation::new();
    let mut command = fader.command(&["serve", "--addr", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("UTF-8");
    assert!(line().contains("http://127.0.0.1:"));
    assert!(line().contains("/setup"), "nobody can sign in yet");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    assert!(child.wait().expect("ends").success());
}
