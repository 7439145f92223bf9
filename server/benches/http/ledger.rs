//! The exposure ledger: how fast events are taken in through HTTP, and what a large ledger answers.
//! `FADER_BENCH_LEDGER_ROWS` sets its size.

use std::time::{Duration, Instant};

use engine::{FlagKey, SubjectKey};
use sqlx::{Connection as _, SqliteConnection};
use store::{ExposureFilter, PeopleReader, Principal, TokenKind};

use crate::{
    BenchResult, Figure,
    installation::{Installation, production},
    load::{Pressure, press_with},
    ms, quantile,
};

const ROWS: u32 = 10_000_000;
const FLAGS: u64 = 10;
const BATCH: u64 = 100;
/// Subjects that the load is about.
const SUBJECTS: u64 = 20_000;
/// Batches per second: 60,000 exposures.
const RATE: f64 = 600.0;
const LASTING: Duration = Duration::from_secs(10);
const QUESTIONS: u32 = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub async fn measure() -> BenchResult {
    let mut figures = take_in().await?;
    figures.extend(ask().await?);
    Ok(figures)
}

async fn installation() -> Result<Installation, Box<dyn std::error::Error + Send + Sync>> {
    let fader = Installation::new().await?;
    for n in 0..FLAGS {
        fader.flag(&format!("flag-{n}")).await?;
    }
    Ok(fader)
}

/// A batch like those of the hook: every event with an id of its own, subjects and flags mixed.
fn batch(n: u64) -> String {
    use std::fmt::Write as _;
    let mut body = String::with_capacity(20_000);
    body.push_str("{\"events\":[");
    for at in n * BATCH..(n + 1) * BATCH {
        let comma = if at % BATCH == 0 { "" } else { "," };
        let subject = at.wrapping_mul(2_654_435_761) % SUBJECTS;
        let (flag, variant) = (at % FLAGS, if subject.is_multiple_of(2) { "on" } else { "off" });
        let _ = write!(
            body,
            "{comma}{{\"type\":\"exposure\",\"id\":\"e-{at:016x}\",\"subject\":\"u-{subject}\",\
             \"flag\":\"flag-{flag}\",\"variant\":\"{variant}\",\"revision\":12,\"rule\":\"everyone\",\
             \"arm\":\"treatment\"}}"
        );
    }
    body.push_str("]}");
    body
}

async fn take_in() -> BenchResult {
    let fader = installation().await?;
    let token = fader.token(TokenKind::Server).await?;
    let address = fader.address;
    let request = move |n: u64| {
        let body = batch(n);
        format!(
            "POST /api/v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let pressure = Pressure { connections: 8, lasting: LASTING, rate: Some(RATE) };
    let load = press_with(address, request, pressure).await?;
    let accepted = load.per_second * f64::from(u32::try_from(BATCH)?);
    let started = Instant::now();
    fader.server.finish().await;
    let (drained, sent) = (started.elapsed(), load.latencies.len() as u64 * BATCH);
    let written = fader.server.intake.exposures.counters().written.load(std::sync::atomic::Ordering::Relaxed);
    let p99 = quantile(&load.latencies, 990).unwrap_or_default();
    Ok(vec![
        Figure::new("exposures accepted, batches of 100 over HTTP", format!("{accepted:.0} /s"))
            .goal(">= 50,000 /s", accepted >= 50_000.0),
        Figure::new("  p99 of a batch", ms(p99)),
        Figure::new("  until the last of them was written", ms(drained)).goal("all written", written == sent),
    ])
}

async fn ask() -> BenchResult {
    let rows =
        std::env::var("FADER_BENCH_LEDGER_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
    let fader = installation().await?;
    let now_ms = fader.store.clock().now_ms();
    let begin_ms = now_ms - now_ms % DAY_MS - 179 * DAY_MS;
    let started = Instant::now();
    fill(&fader.database_url, rows, begin_ms).await?;
    let filled = started.elapsed();
    let reader = Principal::command_line().people_reader()?;
    let (mut of_subject, mut seen) = (Vec::new(), 0);
    let subjects = rows / 10;
    for n in 0..QUESTIONS {
        let number = u64::from(n).wrapping_mul(2_654_435_761) % u64::from(subjects.max(1));
        let subject = SubjectKey::parse(&format!("u-{number:08}"))?;
        let started = Instant::now();
        seen += fader.store.exposures_of(&reader, &production()?, &subject).await?.len();
        of_subject.push(started.elapsed());
    }
    let mut pages = pages(&fader, &reader, begin_ms).await?;
    of_subject.sort_unstable();
    pages.sort_unstable();
    let goal = Duration::from_millis(20);
    let p99 = |sorted: &[Duration]| quantile(sorted, 990).unwrap_or(Duration::MAX);
    let what = format!("ledger of {} lines: filled in", engine::grouped(usize::try_from(rows)?));
    Ok(vec![
        Figure::new(what, ms(filled)).goal("all there", seen >= 10 * usize::try_from(QUESTIONS)?),
        Figure::new("  everything one subject saw, p99", ms(p99(&of_subject)))
            .goal("< 20 ms", p99(&of_subject) < goal),
        Figure::new("  who saw a flag between two times, a page of 100, p99", ms(p99(&pages)))
            .goal("< 20 ms", p99(&pages) < goal),
    ])
}

/// Page after page from several days, with and without a variant that few lines have.
async fn pages(
    fader: &Installation,
    reader: &PeopleReader,
    begin_ms: i64,
) -> Result<Vec<Duration>, Box<dyn std::error::Error + Send + Sync>> {
    let (flag, environment) = (FlagKey::parse("flag-3")?, production()?);
    let rare = engine::VariantKey::parse("off")?;
    // The first look is audited: a write, which is not what is measured.
    fader.store.exposures_of_flag(reader, &environment, &flag, &ExposureFilter::default()).await?;
    let mut took = Vec::new();
    for n in 0..QUESTIONS {
        let from_ms = begin_ms + i64::from(n % 150) * DAY_MS + DAY_MS / 2;
        let variant = (n % 2 == 1).then(|| rare.clone());
        let until_ms = Some(from_ms + 20 * DAY_MS);
        let mut filter = ExposureFilter {
            variant,
            from_ms: Some(from_ms),
            until_ms,
            limit: 100,
            ..ExposureFilter::default()
        };
        for _ in 0..5 {
            let started = Instant::now();
            let page = fader.store.exposures_of_flag(reader, &environment, &flag, &filter).await?;
            took.push(started.elapsed());
            filter.cursor = page.next;
            if filter.cursor.is_none() {
                break;
            }
        }
    }
    Ok(took)
}

/// Ten lines per subject, one of each flag, over 180 days, one in a hundred "off". Written behind the store's back, in
/// the order of the table, with the index made at the end.
async fn fill(url: &str, rows: u32, begin_ms: i64) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = SqliteConnection::connect(url).await?;
    for sql in ["PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000", "PRAGMA temp_store = MEMORY"] {
        sqlx::query(sql).execute(&mut connection).await?;
    }
    sqlx::query("DROP INDEX exposures_flag").execute(&mut connection).await?;
    let insert = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 - 1), \
                  line (i, first) AS (SELECT i, $2 + (i * 2654435761) % (180 * 86400000) FROM n) \
                  INSERT INTO exposures (environment, subject, flag, day_ms, variant, revision, rule, arm, first_ms, \
                  last_ms, times) \
                  SELECT 'production', printf('u-%08d', i / 10), 'flag-' || (i % 10), first - first % 86400000, \
                  CASE WHEN (i / 10) % 100 = 0 THEN 'off' ELSE 'on' END, 12, 'everyone', 'treatment', first, \
                  first + 1000, 3 FROM line";
    sqlx::query(insert).bind(rows).bind(begin_ms).execute(&mut connection).await?;
    sqlx::query(
        "CREATE INDEX exposures_flag ON exposures (environment, flag, first_ms, subject, variant, revision, rule, arm)",
    )
    .execute(&mut connection)
    .await?;
    sqlx::query("ANALYZE").execute(&mut connection).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
