//! The dashboard with a million known people, 1,000 flags and 200 groups: every page, a preview while a fader is dragged, and
//! what decisions notice of ten people who drag. `FADER_BENCH_PEOPLE` takes fewer people; the lines say how many.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::header;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};
use store::TokenKind;
use tokio::task::JoinSet;

use crate::{
    BenchResult, Figure, desk,
    installation::Installation,
    load::{Load, Pressure, press},
    ms, quantile,
};

type Failed = Box<dyn Error + Send + Sync>;

const PEOPLE: usize = 1_000_000;
const FLAGS: usize = 1_000;
const GROUPS: usize = 200;
const LOOKS: usize = 20;
const DRAGGERS: usize = 10;
/// Hands that move faders of rollouts whose audiences stay: each is counted once.
const FADERS: Hands = Hands { first_flag: 10, moves_a_shape: usize::MAX };
/// Hands that also choose another audience every half second, so that the census has no answer yet and counts all the time.
const AUDIENCES: Hands = Hands { first_flag: 10 + DRAGGERS, moves_a_shape: 5 };
/// A hand moves a fader so often.
const DRAG_EVERY: Duration = Duration::from_millis(100);
const LASTING: Duration = Duration::from_secs(10);
const PRESSURE: Pressure = Pressure { connections: 16, lasting: LASTING, rate: None };

const PAGES: [&str; 16] = [
    "/",
    "/flags/flag-7",
    "/flags/flag-7/plan",
    "/flags/flag-7/health",
    "/flags/flag-7/feedback",
    "/flags/flag-7/exposures",
    "/flags/flag-7/try",
    "/flags/flag-7/history",
    "/flags/flag-7/settings",
    "/groups",
    "/groups/group-7",
    "/groups/group-7?tab=testers",
    "/people",
    "/feedback",
    "/audit",
    "/approvals",
];

/// Seven traits each, as SQLite makes them: there is no quicker way in.
fn people_sql(count: usize) -> String {
    format!(
        "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {})
        INSERT INTO people (subject, traits, changed_ms, audit_seq)
        SELECT printf('user-%07d', n), json_object(
            'name', printf('Nora Olsen %d', n), 'email', printf('nora.%d@agency.example', n),
            'tenant', printf('agency-%d', n % 5000),
            'tier', CASE n % 3 WHEN 0 THEN 'vip' WHEN 1 THEN 'standard' ELSE 'basic' END,
            'country', CASE n % 4 WHEN 0 THEN 'NO' WHEN 1 THEN 'SE' WHEN 2 THEN 'FI' ELSE 'DK' END,
            'transactions_30d', n % 90, 'beta', json(CASE n % 2 WHEN 0 THEN 'true' ELSE 'false' END)
        ), 0, 1 FROM n",
        count - 1
    )
}

pub async fn measure() -> BenchResult {
    let people = std::env::var("FADER_BENCH_PEOPLE").ok().and_then(|it| it.parse().ok()).unwrap_or(PEOPLE);
    let first = Installation::new().await?;
    for n in 0..GROUPS {
        first.group(&format!("group-{n}")).await?;
    }
    for n in 0..FLAGS {
        let key = format!("flag-{n}");
        first.flag(&key).await?;
        first.roll_out(&key, &format!("group-{}", n % GROUPS), u32::try_from(n % 101)?).await?;
    }
    let mut connection = SqliteConnection::connect(&first.database_url).await?;
    connection.execute(AssertSqlSafe(people_sql(people))).await?;
    connection.close().await?;
    let fader = Installation::on(first).await?;
    let known = fader.store.live().people().len();
    if known != people {
        return Err(format!("{known} people are known, not {people}").into());
    }
    let who = Arc::new(Person {
        http: reqwest::Client::new(),
        url: format!("http://{}", fader.address),
        cookie: desk::sign_in(&fader).await?,
    });
    let mut figures = vec![Figure::new(
        format!("{people} people, {FLAGS} flags, {GROUPS} groups"),
        format!("{} MB", resident_bytes().unwrap_or(0) / 1_000_000),
    )];
    let token = fader.token(TokenKind::Client).await?;
    let body = r#"{"context":{"targetingKey":"user-0000042","country":"NO"}}"#;
    let request = format!(
        "POST /ofrep/v1/evaluate/flags/flag-7 HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    press(fader.address, request.clone(), Pressure { lasting: Duration::from_secs(2), ..PRESSURE }).await?;
    // Before any page: what pages ask is counted long after they are there.
    let idle = press(fader.address, request.clone(), PRESSURE).await?;
    for page in PAGES {
        figures.push(who.look(page).await?);
    }
    let quiet = who.drag_for(LASTING, FADERS).await?;
    figures.push(preview_figure("a preview while ten people drag faders, p95", &quiet));
    let (busy, dragged) =
        tokio::join!(press(fader.address, request, PRESSURE), who.drag_for(LASTING, AUDIENCES));
    let (busy, dragged) = (busy?, dragged?);
    figures.extend(decision_figures(&idle, &busy));
    figures.push(Figure::new("  previews meanwhile, p95", ms(quantile(&dragged, 950).unwrap_or_default())));
    Ok(figures)
}

fn preview_figure(what: &str, sorted: &[Duration]) -> Figure {
    let p95 = quantile(sorted, 950).unwrap_or_default();
    Figure::new(what, ms(p95)).goal("< 200 ms", p95 < Duration::from_millis(200))
}

fn decision_figures(idle: &Load, busy: &Load) -> [Figure; 2] {
    let share = busy.per_second / idle.per_second;
    let p99 = |load: &Load| quantile(&load.latencies, 990).unwrap_or_default();
    let slower = p99(busy).as_secs_f64() / p99(idle).as_secs_f64();
    [
        Figure::new(
            "decisions while ten people drag, of those without",
            format!("{share:.2} ({:.0}/s of {:.0}/s)", busy.per_second, idle.per_second),
        )
        .goal(">= 0.7", share >= 0.7),
        Figure::new(
            "  their p99, times that without",
            format!("{slower:.2} ({} of {})", ms(p99(busy)), ms(p99(idle))),
        )
        .goal("<= 2", slower <= 2.0),
    ]
}

/// What the ten people do.
#[derive(Clone, Copy)]
struct Hands {
    first_flag: usize,
    /// After so many moves of the fader the rule is for another group.
    moves_a_shape: usize,
}

struct Person {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

impl Person {
    /// The first look, which may have to count, and those after it.
    async fn look(&self, page: &str) -> Result<Figure, Failed> {
        let mut times = Vec::with_capacity(LOOKS);
        for _ in 0..LOOKS {
            let started = Instant::now();
            let request = self.http.get(format!("{}{page}", self.url));
            let answer = request.header(header::COOKIE, &self.cookie).send().await?;
            answer.error_for_status()?.bytes().await?;
            times.push(started.elapsed());
        }
        let first = times[0];
        times.sort_unstable();
        let p95 = quantile(&times, 950).unwrap_or_default();
        Ok(Figure::new(format!("  {page}, p95 of {LOOKS}"), format!("{} (first {})", ms(p95), ms(first)))
            .goal("< 300 ms", p95 < Duration::from_millis(300)))
    }

    /// Ten people, each at a flag of their own; how long each answer took, sorted.
    async fn drag_for(self: &Arc<Self>, lasting: Duration, hands: Hands) -> Result<Vec<Duration>, Failed> {
        let done = Arc::new(AtomicBool::new(false));
        let mut people = JoinSet::new();
        for n in 0..DRAGGERS {
            let (who, done) = (Arc::clone(self), Arc::clone(&done));
            people.spawn(async move { who.drag(hands, n, &done).await });
        }
        tokio::time::sleep(lasting).await;
        done.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        while let Some(dragged) = people.join_next().await {
            times.extend(dragged??);
        }
        times.sort_unstable();
        Ok(times)
    }

    async fn drag(&self, hands: Hands, n: usize, done: &AtomicBool) -> Result<Vec<Duration>, Failed> {
        let number = hands.first_flag + n;
        let (flag, mut times) = (format!("flag-{number}"), Vec::new());
        while !done.load(Ordering::Relaxed) {
            let (at, shape) = ((times.len() + 1) * 7 % 101, times.len() / hands.moves_a_shape);
            let form = format!(
                "expected=2&rule=group&r.group.group=group-{}&r.group.to=100&rule=everyone&\
                 r.everyone.audience=everyone&r.everyone.to={at}",
                (number + shape) % GROUPS
            );
            let started = Instant::now();
            let request = self.http.post(format!("{}/call/preview_rollout", self.url));
            let request = request.header(header::COOKIE, &self.cookie).header(header::ORIGIN, &self.url);
            let fields = [("flag", flag.as_str()), ("environment", "production"), ("form", &form)];
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            request.body(body).send().await?.error_for_status()?.bytes().await?;
            let took = started.elapsed();
            times.push(took);
            tokio::time::sleep(DRAG_EVERY.saturating_sub(took)).await;
        }
        Ok(times)
    }
}

/// What the process holds in memory; on Linux.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
