//! The names of the attributes of some packed people, each once.

use crate::text::same;

/// Among so few, looking at each is quicker than halving.
const LINEAR_MAX: usize = 12;

/// Names by number: in the order in which they first came.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: Vec<Box<str>>,
    /// The numbers in the order of the names.
    sorted: Vec<u32>,
}

impl Names {
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        if self.names.len() <= LINEAR_MAX {
            let at = self.names.iter().position(|known| same(known, name))?;
            return u32::try_from(at).ok();
        }
        self.place(name).ok().and_then(|at| self.sorted.get(at)).copied()
    }

    pub(super) fn get(&self, number: u32) -> Option<&str> {
        self.names.get(usize::try_from(number).ok()?).map(|name| &**name)
    }

    /// The number of a name that is added when it is new.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        match self.place(name) {
            Ok(at) => self.sorted.get(at).copied().unwrap_or_default(),
            Err(at) => {
                #[expect(clippy::cast_possible_truncation, reason = "names of some hundreds of people")]
                let number = self.names.len() as u32;
                self.names.push(name.into());
                self.sorted.insert(at, number);
                number
            }
        }
    }

    /// Whether every number of `others` means the same here.
    pub(super) fn begin_with(&self, others: &Self) -> bool {
        let known = self.names.get(..others.names.len());
        known.is_some_and(|known| known.iter().zip(&others.names).all(|(a, b)| same(a, b)))
    }

    pub fn shrink(&mut self) {
        self.names.shrink_to_fit();
        self.sorted.shrink_to_fit();
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|number| self.get(*number).unwrap_or_default().cmp(name))
    }
}
