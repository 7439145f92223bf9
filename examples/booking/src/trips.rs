//! What can be booked: a fixed timetable that runs every day of the booking window. A trip is a connection of
//! the timetable on a date, and its id says both, so nothing has to be stored.

use jiff::{ToSpan, civil::Date};

/// How many days ahead one can book, today included.
pub const BOOKABLE_DAYS: i64 = 120;

/// The most characters of a place name that a search reads.
const PLACE_CHARS_MAX: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Rail,
    Ferry,
    Coach,
}

impl Mode {
    pub fn label(self) -> &'static str {
        match self {
            Self::Rail => "Rail",
            Self::Ferry => "Ferry",
            Self::Coach => "Coach",
        }
    }
}

/// One line of the timetable.
#[derive(Debug)]
pub struct Connection {
    pub slug: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub carrier: &'static str,
    pub mode: Mode,
    /// Minutes after midnight
    departs: u32,
    minutes: u32,
    pub price_cents: u32,
}

impl Connection {
    pub fn departs(&self) -> String {
        clock(self.departs)
    }

    pub fn arrives(&self) -> String {
        let arrival = self.departs + self.minutes;
        let days = if arrival >= MINUTES_PER_DAY { " +1" } else { "" };
        format!("{}{days}", clock(arrival % MINUTES_PER_DAY))
    }

    pub fn duration(&self) -> String {
        format!("{} h {:02}", self.minutes / 60, self.minutes % 60)
    }
}

const MINUTES_PER_DAY: u32 = 24 * 60;

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A connection on a day.
#[derive(Clone, Copy, Debug)]
pub struct Trip {
    pub connection: &'static Connection,
    pub date: Date,
}

impl Trip {
    /// Such as `rhone-express.2026-05-14`.
    pub fn id(&self) -> String {
        format!("{}.{}", self.connection.slug, self.date)
    }

    /// The trip with this id, when it can be booked today.
    pub fn find(id: &str, today: Date) -> Option<Self> {
        let (slug, date) = id.split_once('.')?;
        let connection = TIMETABLE.iter().find(|connection| connection.slug == slug)?;
        let date = parse_date(date).filter(|date| is_bookable(*date, today))?;
        Some(Self { connection, date })
    }

    /// Such as "Thu 14 May 2026".
    pub fn day(&self) -> String {
        self.date.strftime("%a %-d %b %Y").to_string()
    }
}

/// What somebody looks for; both places may be empty.
#[derive(Debug)]
pub struct Search {
    pub from: String,
    pub to: String,
    pub date: Date,
}

impl Search {
    /// Reads typed text. A missing date is tomorrow; one outside the booking window is an error to show.
    pub fn parse(from: &str, to: &str, date: &str, today: Date) -> (Self, Option<String>) {
        let tomorrow = today.tomorrow().unwrap_or(today);
        let place = |text: &str| text.trim().chars().take(PLACE_CHARS_MAX).collect();
        let (date, error) = match parse_date(date) {
            Some(date) if is_bookable(date, today) => (date, None),
            None if date.trim().is_empty() => (tomorrow, None),
            Some(_) | None => {
                let last = last_bookable(today);
                (tomorrow, Some(format!("Choose a day from {today} to {last}; showing tomorrow instead.")))
            }
        };
        (Self { from: place(from), to: place(to), date }, error)
    }
}

/// What runs on that day, in order of departure.
pub fn list_trips(search: &Search) -> Vec<Trip> {
    let mut found: Vec<&Connection> = TIMETABLE
        .iter()
        .filter(|connection| names(connection.from, &search.from) && names(connection.to, &search.to))
        .collect();
    found.sort_by_key(|connection| connection.departs);
    found.into_iter().map(|connection| Trip { connection, date: search.date }).collect()
}

/// Every place one can leave from or go to, for suggestions.
pub fn list_places() -> Vec<&'static str> {
    let mut places: Vec<_> =
        TIMETABLE.iter().flat_map(|connection| [connection.from, connection.to]).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The last day of the booking window.
pub fn last_bookable(today: Date) -> Date {
    today.saturating_add((BOOKABLE_DAYS - 1).days())
}

fn names(place: &str, typed: &str) -> bool {
    typed.is_empty() || place.to_lowercase().starts_with(&typed.to_lowercase())
}

fn parse_date(text: &str) -> Option<Date> {
    // The parser also reads other forms; an id or a date field has exactly this one.
    (text.len() == "2026-05-14".len()).then(|| text.parse().ok()).flatten()
}

fn is_bookable(date: Date, today: Date) -> bool {
    (today..=last_bookable(today)).contains(&date)
}

/// "€ 84.50"
pub fn euros(cents: u32) -> String {
    format!("€ {}.{:02}", cents / 100, cents % 100)
}

const fn connection(
    slug: &'static str,
    (from, to): (&'static str, &'static str),
    (carrier, mode): (&'static str, Mode),
    (hour, minute): (u32, u32),
    minutes: u32,
    price_cents: u32,
) -> Connection {
    Connection { slug, from, to, carrier, mode, departs: hour * 60 + minute, minutes, price_cents }
}

static TIMETABLE: [Connection; 18] = [
    connection("rhone-express", ("Lyon", "Marseille"), ("Rhône Express", Mode::Rail), (7, 42), 101, 8400),
    connection("rhone-slow", ("Lyon", "Marseille"), ("Ligne Verte", Mode::Coach), (9, 10), 245, 2390),
    connection("rhone-evening", ("Lyon", "Marseille"), ("Rhône Express", Mode::Rail), (18, 12), 104, 6900),
    connection("mistral", ("Marseille", "Lyon"), ("Rhône Express", Mode::Rail), (8, 5), 103, 7900),
    connection("corsica-night", ("Marseille", "Bastia"), ("Golfe Line", Mode::Ferry), (19, 0), 750, 11200),
    connection("leman", ("Geneva", "Milan"), ("Simplon Rail", Mode::Rail), (6, 39), 241, 9150),
    connection("leman-noon", ("Geneva", "Milan"), ("Simplon Rail", Mode::Rail), (12, 39), 243, 7450),
    connection("simplon-back", ("Milan", "Geneva"), ("Simplon Rail", Mode::Rail), (15, 20), 240, 7450),
    connection("vogelflug", ("Hamburg", "Copenhagen"), ("Öresund Rail", Mode::Rail), (6, 53), 282, 5990),
    connection(
        "vogelflug-noon",
        ("Hamburg", "Copenhagen"),
        ("Öresund Rail", Mode::Rail),
        (12, 53),
        282,
        4990,
    ),
    connection("hansa-coach", ("Hamburg", "Copenhagen"), ("Hansa Coach", Mode::Coach), (22, 30), 390, 2900),
    connection("sound", ("Copenhagen", "Gothenburg"), ("Öresund Rail", Mode::Rail), (9, 27), 215, 4450),
    connection("kattegat", ("Gothenburg", "Kiel"), ("Kattegat Line", Mode::Ferry), (18, 45), 870, 13900),
    connection("baltic", ("Gdańsk", "Stockholm"), ("Amber Ferries", Mode::Ferry), (18, 0), 1080, 9900),
    connection("vistula", ("Gdańsk", "Warsaw"), ("Vistula Rail", Mode::Rail), (7, 17), 158, 3650),
    connection("vistula-back", ("Warsaw", "Gdańsk"), ("Vistula Rail", Mode::Rail), (16, 25), 156, 3650),
    connection("tagus", ("Lisbon", "Porto"), ("Tagus Rail", Mode::Rail), (10, 9), 177, 3190),
    connection("tagus-back", ("Porto", "Lisbon"), ("Tagus Rail", Mode::Rail), (17, 44), 176, 3190),
];

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 5, 13);

    #[test]
    fn an_id_leads_back_to_its_trip() {
        for trip in list_trips(&Search { from: String::new(), to: String::new(), date: TODAY }) {
            let found = Trip::find(&trip.id(), TODAY).expect("bookable");
            assert_eq!((found.connection.slug, found.date), (trip.connection.slug, TODAY));
        }
    }

    #[test]
    fn what_cannot_be_booked_is_not_found() {
        let too_late = format!("leman.{}", TODAY.saturating_add(BOOKABLE_DAYS.days()));
        for id in [
            "",
            "leman",
            "leman.",
            "leman.2026-05-12",
            "leman.2026-02-30",
            "leman.2026-05-14T00:00",
            &too_late,
        ] {
            assert!(Trip::find(id, TODAY).is_none(), "{id}");
        }
        assert!(Trip::find("nowhere.2026-05-14", TODAY).is_none());
        assert!(Trip::find("leman.2026-05-14", TODAY).is_some());
    }

    #[test]
    fn a_search_goes_by_the_start_of_a_place_name_in_any_case() {
        let (search, error) = Search::parse(" lyon", "MAR", "2026-05-20", TODAY);
        assert!(error.is_none());
        let slugs: Vec<_> = list_trips(&search).iter().map(|trip| trip.connection.slug).collect();
        assert_eq!(slugs, ["rhone-express", "rhone-slow", "rhone-evening"]);
    }

    #[test]
    fn a_day_that_is_not_on_sale_shows_tomorrow_and_says_so() {
        for typed in ["2026-05-12", "2099-01-01", "tomorrow", "2026-13-01"] {
            let (search, error) = Search::parse("", "", typed, TODAY);
            assert_eq!(search.date, date(2026, 5, 14), "{typed}");
            assert!(error.is_some(), "{typed}");
        }
        assert!(Search::parse("", "", "", TODAY).1.is_none());
    }

    #[test]
    fn a_night_boat_arrives_the_day_after() {
        let boat = Trip::find("kattegat.2026-05-14", TODAY).expect("a trip").connection;
        assert_eq!(
            (boat.departs(), boat.arrives(), boat.duration()),
            ("18:45".into(), "09:15 +1".into(), "14 h 30".into())
        );
    }

    #[test]
    fn slugs_are_unique() {
        let mut slugs: Vec<_> = TIMETABLE.iter().map(|connection| connection.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), TIMETABLE.len());
    }
}
