//! The savepoints of the open group: where it stood when each was set.
//!
//! Pure. The log never says that a savepoint was released, so a transaction may set any number of them:
//! the oldest are forgotten beyond [`SAVEPOINTS_MAX`], and going back to one of those is an error.

use std::collections::{BTreeMap, HashMap};

/// Savepoints kept of one group.
pub const SAVEPOINTS_MAX: usize = 65_536;

/// Savepoints by name and by age, with a mark of type `M` each.
#[derive(Debug)]
pub struct Savepoints<M> {
    ages: HashMap<String, u64>,
    marks: BTreeMap<u64, (String, M)>,
    next: u64,
}

impl<M> Default for Savepoints<M> {
    fn default() -> Self {
        Savepoints {
            ages: HashMap::new(),
            marks: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<M: Clone> Savepoints<M> {
    /// Sets one; an earlier one of that name is gone.
    pub fn set(&mut self, name: String, mark: M) {
        let age = self.next;
        self.next += 1;
        if let Some(before) = self.ages.insert(name.clone(), age) {
            self.marks.remove(&before);
        }
        self.marks.insert(age, (name, mark));
        if self.marks.len() > SAVEPOINTS_MAX
            && let Some((_, (name, _))) = self.marks.pop_first()
        {
            self.ages.remove(&name);
        }
    }

    /// Goes back to one: it stays, later ones are gone. `None` where there is none of that name.
    pub fn back_to(&mut self, name: &str) -> Option<M> {
        let age = *self.ages.get(name)?;
        for (name, _) in self.marks.split_off(&(age + 1)).into_values() {
            self.ages.remove(&name);
        }
        self.marks.get(&age).map(|(_, mark)| mark.clone())
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.ages.clear();
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_ends_what_came_later() {
        let mut savepoints = Savepoints::default();
        for (name, mark) in [("a", 1), ("b", 2), ("c", 3)] {
            savepoints.set(name.to_owned(), mark);
        }
        assert_eq!(savepoints.back_to("b"), Some(2));
        assert_eq!(savepoints.back_to("c"), None);
        assert_eq!(savepoints.back_to("b"), Some(2));
        savepoints.set("a".to_owned(), 4);
        assert_eq!(savepoints.back_to("b"), Some(2));
        assert_eq!(savepoints.back_to("a"), None, "set again later, so undone");
        savepoints.clear();
        assert_eq!(savepoints.back_to("b"), None);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut savepoints = Savepoints::default();
        for mark in 0..=SAVEPOINTS_MAX {
            savepoints.set(format!("s{mark}"), mark);
        }
        assert_eq!(savepoints.back_to("s0"), None);
        assert_eq!(savepoints.back_to("s1"), Some(1));
        assert_eq!(savepoints.marks.len(), 1);
        assert_eq!(savepoints.ages.len(), 1);
    }
}
