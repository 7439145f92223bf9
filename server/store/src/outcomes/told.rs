//! The two books of a cell: what everybody told, and what servers told. They are one for as long as no browser told
//! anything, so that a workspace whose servers tell all pays for no second one.

use engine::guardrail::Accepts;

use super::Cell;

/// Where something is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// In both books alike.
    Both,
    /// In the book of those whom [`Accepts`] names, and not in the other.
    Only(Accepts),
}

impl Entry {
    pub fn is_in(self, book: Accepts) -> bool {
        match self {
            Self::Both => true,
            Self::Only(own) => own == book,
        }
    }

    /// What is left of it outside of the books of another one.
    #[must_use]
    pub fn without(self, other: Self) -> Option<Self> {
        let mut rest = Accepts::ALL.into_iter().filter(|book| self.is_in(*book) && !other.is_in(*book));
        match (rest.next(), rest.next()) {
            (None, _) => None,
            (Some(book), None) => Some(Self::Only(book)),
            (Some(_), Some(_)) => Some(Self::Both),
        }
    }
}

/// One cell as it was told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    all: Cell,
    /// `None`: the same as `all`.
    servers: Option<Box<Cell>>,
}

impl From<Cell> for Told {
    /// Told by servers alone.
    fn from(all: Cell) -> Self {
        Self { all, servers: None }
    }
}

impl Told {
    /// What those told whose word counts.
    pub fn of(&self, accepts: Accepts) -> &Cell {
        match accepts {
            Accepts::Servers => self.servers.as_deref().unwrap_or(&self.all),
            Accepts::ServersAndBrowsers => &self.all,
        }
    }

    /// The book of servers where it is another one.
    pub(super) fn apart(&self) -> Option<&Cell> {
        self.servers.as_deref()
    }

    pub(super) fn read(all: Cell, servers: Option<Cell>) -> Self {
        Self { all, servers: servers.map(Box::new) }
    }

    /// Changes a cell where the entry belongs. Only the first one that belongs in one book alone allocates.
    pub fn enter(&mut self, entry: Entry, mut change: impl FnMut(&mut Cell)) {
        match entry {
            Entry::Both => {
                change(&mut self.all);
                if let Some(servers) = &mut self.servers {
                    change(servers);
                }
            }
            Entry::Only(Accepts::ServersAndBrowsers) => {
                self.part();
                change(&mut self.all);
            }
            Entry::Only(Accepts::Servers) => change(self.part()),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.servers.is_some() {
            self.part();
        }
        if let Some(servers) = &mut self.servers {
            servers.merge(other.of(Accepts::Servers));
        }
        self.all.merge(&other.all);
    }

    /// From here on the books differ.
    fn part(&mut self) -> &mut Cell {
        let all = &self.all;
        self.servers.get_or_insert_with(|| Box::new(all.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(told: &Told) -> (u64, u64) {
        (told.of(Accepts::Servers).outcomes, told.of(Accepts::ServersAndBrowsers).outcomes)
    }

    #[test]
    fn what_browsers_tell_never_reaches_the_book_of_servers() {
        let more = |cell: &mut Cell| cell.outcomes += 1;
        let mut told = Told::default();
        told.enter(Entry::Both, more);
        assert!(counts(&told) == (1, 1) && told.apart().is_none(), "one book is enough");
        told.enter(Entry::Only(Accepts::ServersAndBrowsers), more);
        assert_eq!(counts(&told), (1, 2));
        told.enter(Entry::Both, more);
        told.enter(Entry::Only(Accepts::Servers), more);
        assert_eq!(counts(&told), (3, 3));
    }

    #[test]
    fn books_add_up_each_for_itself_whichever_parted_first() {
        let parted = || {
            let mut told = Told::default();
            told.enter(Entry::Both, |cell| cell.outcomes = 10);
            told.enter(Entry::Only(Accepts::ServersAndBrowsers), |cell| cell.outcomes += 5);
            told
        };
        let mut one = Cell::default();
        one.outcomes = 100;
        let (mut left, mut right) = (parted(), Told::from(one.clone()));
        left.merge(&Told::from(one));
        right.merge(&parted());
        right.merge(&Told::default());
        assert_eq!((counts(&left), counts(&right)), ((110, 115), (110, 115)));
    }
}
