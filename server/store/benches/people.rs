//! A million known people: how long one search, one look at their traits and one change take.
//! `cargo bench -p store --bench people`.

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use engine::{AttributeValue, Attributes, SubjectKey};
use store::{Clock, Principal, Store};

const PEOPLE: usize = 1_000_000;
const BATCH: usize = 10_000;
const TRIES: usize = 9;
const SEARCH_MAX: Duration = Duration::from_millis(50);

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
    (format!("user-{n:07}"), traits)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn line(what: &str, time: Duration, goal: &str) {
    println!("{what:<58} {:>13.3} ms   {goal}", time.as_secs_f64() * 1000.0);
}

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn Error>> {
    let files = tempfile::tempdir()?;
    let url = format!("sqlite://{}", files.path().join("fader.db").display());
    let store = Store::open(&url, Clock::System).await?;
    let admin = Principal::command_line().recent_administrator(Clock::System.now_ms())?;
    let reader = Principal::command_line().people_reader()?;
    let started = Instant::now();
    for from in (0..PEOPLE).step_by(BATCH) {
        let batch = (from..from + BATCH).map(person);
        let batch = batch.map(|(key, traits)| Ok((SubjectKey::parse(&key)?, traits)));
        store.put_people(&admin, batch.collect::<Result<_, engine::InvalidKey>>()?).await?;
    }
    line("1,000,000 people: stored in batches of 10,000", started.elapsed(), "");
    let started = Instant::now();
    let again = Store::open(&url, Clock::System).await?;
    line("  opened again", started.elapsed(), "");
    for (query, what) in QUERIES {
        // Asked once before: the same question again is not audited again.
        again.search_people(&reader, query, 50).await?;
        let mut times = Vec::with_capacity(TRIES);
        for _ in 0..TRIES {
            let started = Instant::now();
            black_box(again.search_people(&reader, black_box(query), 50).await?);
            times.push(started.elapsed());
        }
        let time = median(times);
        let goal = if time < SEARCH_MAX { "goal < 50 ms   met" } else { "goal < 50 ms   MISSED" };
        line(&format!("  searched for {what} ({query})"), time, goal);
    }
    let people = again.live().people();
    let keys: Vec<_> = (0..BATCH).map(|n| format!("user-{:07}", n * 7919 % PEOPLE)).collect();
    let started = Instant::now();
    for key in &keys {
        black_box(people.traits(key));
    }
    let each = started.elapsed() / u32::try_from(keys.len())?;
    println!("{:<58} {:>13} ns", "  the traits of one, cold", each.as_nanos());
    let one = vec![(SubjectKey::parse("user-0500000")?, Attributes::default())];
    let started = Instant::now();
    again.put_people(&admin, one).await?;
    line("  one changed, in force", started.elapsed(), "");
    let started = Instant::now();
    again.erase_subject(&admin, &SubjectKey::parse("user-0500001")?).await?;
    line("  one erased, forgotten", started.elapsed(), "");
    store.close().await;
    again.close().await;
    Ok(())
}
