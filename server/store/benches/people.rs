//! A million known people with seven traits each: what they take in memory, how long a server takes to know them, and
//! what one search, one look at their traits and one change cost. `cargo bench -p store --bench people`; with
//! `FADER_TEST_POSTGRES_URL` (`scripts/postgres.sh with …`) on PostgreSQL too. `FADER_BENCH_PEOPLE` takes fewer people.

use std::{
    error::Error,
    hint::black_box,
    ops::Range,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use engine::{AttributeValue, Attributes, SubjectKey, Traits};
use rustix::time::{ClockId, clock_gettime};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::{Clock, Opening, People, PeopleReader, Principal, RecentAdministrator, StandInFile, Store};

static PEOPLE: LazyLock<usize> = LazyLock::new(|| {
    std::env::var("FADER_BENCH_PEOPLE").ok().and_then(|it| it.parse().ok()).unwrap_or(1_000_000)
});
const IMPORTED: usize = 100_000;
const BATCH: usize = 10_000;
const TRIES: usize = 9;
const PERSON_BYTES_MAX: u64 = 300;
const START_MAX: Duration = Duration::from_secs(5);
const SEARCH_MAX: Duration = Duration::from_millis(50);
const POSTGRES_URL: &str = "FADER_TEST_POSTGRES_URL";

/// What is searched for, and what kind of question it is.
const QUERIES: [(&str, &str); 8] = [
    ("user-0734512", "an exact key"),
    ("user-07345", "the beginning of a key"),
    ("olsen734512", "the end of a name"),
    ("nora olsen", "two words that many have"),
    ("agency-4711", "a tenant"),
    ("nobody-at-all", "nobody"),
    ("e", "one letter"),
    ("34512@", "the middle of an e-mail address"),
];

type Anything = Box<dyn Error>;

fn person(n: usize) -> (String, Attributes) {
    const FIRST: [&str; 8] = ["Alma", "Boris", "Carla", "Dario", "Edith", "Felix", "Nora", "Viggo"];
    const LAST: [&str; 8] = ["Abel", "Bergman", "Carlier", "Dahl", "Falk", "Holm", "Olsen", "Teller"];
    let (first, last) = (FIRST[n % 8], LAST[n / 8 % 8]);
    let mut traits = Attributes::default();
    let text = |text: String| AttributeValue::Text(text);
    traits.set("name", text(format!("{first} {last}{n}")));
    traits.set("email", text(format!("{}.{n}@agency.example", first.to_lowercase())));
    traits.set("tenant", text(format!("agency-{}", n % 5000)));
    traits.set("tier", text(["basic", "standard", "vip"][n % 3].to_owned()));
    traits.set("country", text("NO".to_owned()));
    traits.set("role", text(["agent", "manager"][n % 2].to_owned()));
    traits.set("transactions_30d", AttributeValue::Number(u32::try_from(n % 400).unwrap_or(0).into()));
    (format!("user-{n:07}"), traits)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn line(what: &str, time: Duration, goal: &str) {
    println!("{what:<58} {:>13.3} ms   {goal}", time.as_secs_f64() * 1000.0);
}

fn goal(met: bool, what: &str) -> String {
    format!("goal {what}   {}", if met { "met" } else { "MISSED" })
}

fn main() -> Result<(), Anything> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let files = tempfile::tempdir()?;
        println!("{} people with seven traits, on SQLite", *PEOPLE);
        measure(&format!("sqlite://{}", files.path().join("fader.db").display())).await?;
        let Ok(base) = std::env::var(POSTGRES_URL) else {
            println!("not measured on PostgreSQL: {POSTGRES_URL} is not set");
            return Ok(());
        };
        println!("{} people with seven traits, on PostgreSQL", *PEOPLE);
        let mut admin = PgConnection::connect(&base).await?;
        let name = format!("fader_people_{}", std::process::id());
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0"))).await?;
        let server = base.rsplit_once('/').map_or(base.as_str(), |(server, _)| server);
        measure(&format!("{server}/{name}")).await?;
        admin.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await?;
        Ok(())
    })
}

async fn measure(url: &str) -> Result<(), Anything> {
    let store = Store::open(url, Clock::System).await?;
    let admin = Principal::command_line().recent_administrator(Clock::System.now_ms())?;
    let started = Instant::now();
    put(&store, &admin, 0..*PEOPLE).await?;
    line("  stored in batches of 10,000", started.elapsed(), "");
    opened("  opened: everybody known", || Store::open(url, Clock::System)).await?;
    let files = tempfile::tempdir()?;
    let file = StandInFile::new(files.path().join("kept"));
    let as_server = || Store::open_or_stand_in(url, Clock::System, Opening::default(), &file);
    let first = as_server().await?;
    while !file.path().exists() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    first.close().await;
    opened("  opened by a server, which has a snapshot file", as_server).await?;
    memory(&store.live().people())?;
    searches(&store, &Principal::command_line().people_reader()?).await?;
    looks(&store.live().people())?;
    changes(&store, &admin).await?;
    store.close().await;
    Ok(())
}

/// How long it takes, and of that the processors' time of this process.
async fn opened<F>(what: &str, open: impl Fn() -> F) -> Result<(), Anything>
where
    F: Future<Output = Result<Store, store::StoreError>>,
{
    let (mut times, mut worked) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (started, before) = (Instant::now(), processor_time());
        let store = open().await?;
        times.push(started.elapsed());
        worked.push(processor_time().saturating_sub(before));
        assert_eq!(store.live().people().len(), *PEOPLE, "everybody is known");
        store.close().await;
    }
    let time = median(times);
    line(what, time, &goal(time <= START_MAX, "at most 5 s"));
    line("    processors' time of it", median(worked), "");
    Ok(())
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// In no order, as people come.
fn arriving(n: usize) -> usize {
    if n < *PEOPLE { n * 7919 % *PEOPLE } else { n }
}

async fn put(store: &Store, admin: &RecentAdministrator, range: Range<usize>) -> Result<(), Anything> {
    for from in range.clone().step_by(BATCH) {
        let batch = (from..(from + BATCH).min(range.end)).map(|n| person(arriving(n)));
        let batch = batch.map(|(key, traits)| Ok((SubjectKey::parse(&key)?, traits)));
        store.put_people(admin, batch.collect::<Result<_, engine::InvalidKey>>()?).await?;
    }
    Ok(())
}

/// What the allocator is asked for when the same people are read again, and still holds afterwards.
fn memory(people: &People) -> Result<(), Anything> {
    let document = serde_json::to_vec(people)?;
    let mut copy = None;
    let counted = allocation_counter::measure(|| copy = serde_json::from_slice::<People>(&document).ok());
    let known = copy.map_or(0, |copy| copy.len());
    assert_eq!(known, *PEOPLE, "everybody was read");
    let each = u64::try_from(counted.bytes_current)? / *PEOPLE as u64;
    let goal = goal(each <= PERSON_BYTES_MAX, "at most 300 bytes");
    println!("{:<58} {each:>10} bytes   {goal}", "  in memory, each, with what a search reads");
    Ok(())
}

async fn searches(store: &Store, reader: &PeopleReader) -> Result<(), Anything> {
    for (query, what) in QUERIES {
        // Asked once before: the same question again is not audited again.
        store.search_people(reader, query, 50).await?;
        let mut times = Vec::with_capacity(TRIES);
        for _ in 0..TRIES {
            let started = Instant::now();
            black_box(store.search_people(reader, black_box(query), 50).await?);
            times.push(started.elapsed());
        }
        let time = median(times);
        line(&format!("  searched for {what} ({query})"), time, &goal(time < SEARCH_MAX, "< 50 ms"));
    }
    Ok(())
}

fn looks(people: &People) -> Result<(), Anything> {
    let keys: Vec<_> = (0..BATCH).map(|n| format!("user-{:07}", n * 7919 % *PEOPLE)).collect();
    for what in ["  the traits of one, cold", "  the traits of one, warm"] {
        let started = Instant::now();
        for key in &keys {
            black_box(people.traits(black_box(key)).and_then(|traits| traits.get("tier")));
        }
        let each = started.elapsed() / u32::try_from(keys.len())?;
        println!("{what:<58} {:>13} ns", each.as_nanos());
    }
    let started = Instant::now();
    black_box(people.iter().filter(|(_, traits)| is_vip(*traits)).count());
    line("  one trait of everybody, one after the other", started.elapsed(), "");
    Ok(())
}

fn is_vip(traits: Traits<'_>) -> bool {
    traits.get("tier").is_some_and(|tier| tier == engine::ValueRef::Text("vip"))
}

async fn changes(store: &Store, admin: &RecentAdministrator) -> Result<(), Anything> {
    let mut times = Vec::new();
    for n in 0..TRIES {
        let one =
            vec![(SubjectKey::parse(&format!("user-{:07}", n * 99_991 % *PEOPLE))?, Attributes::default())];
        let started = Instant::now();
        store.put_people(admin, one).await?;
        times.push(started.elapsed());
    }
    line("  one changed, in force", median(times), "");
    let started = Instant::now();
    store.erase_subject(admin, &SubjectKey::parse(&format!("user-{:07}", *PEOPLE / 2 + 1))?).await?;
    line("  one erased, forgotten", started.elapsed(), "");
    let done = AtomicBool::new(false);
    let (imported, waits) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| waits(store, &done));
        let started = Instant::now();
        let handle = tokio::runtime::Handle::current();
        let put = put(store, admin, *PEOPLE..*PEOPLE + IMPORTED);
        let put = tokio::task::block_in_place(|| handle.block_on(put));
        done.store(true, Ordering::Relaxed);
        put.map(|()| (started.elapsed(), looking.join().unwrap_or_default()))
    })?;
    line("  100,000 more imported in batches of 10,000", imported, "");
    let at = waits.len() * 999 / 1000;
    println!("{:<58} {:>13} ns", "    99.9 % of look-ups meanwhile within", waits[at].as_nanos());
    Ok(())
}

/// How long single look-ups take until it is done, in order.
fn waits(store: &Store, done: &AtomicBool) -> Vec<Duration> {
    let mut waits = vec![Duration::ZERO];
    for n in (0..*PEOPLE).step_by(7919).cycle() {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("user-{n:07}");
        let started = Instant::now();
        let people = store.live().people();
        black_box(people.traits(&key).and_then(|traits| traits.get("tier")));
        drop(people);
        waits.push(started.elapsed());
        std::thread::sleep(Duration::from_micros(200));
    }
    waits.sort_unstable();
    waits
}
