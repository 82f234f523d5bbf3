// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects that are known by numbers.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A number has the place in its lower half, from 1, and the generation of the place in its upper half.
const HALF: u32 = usize::BITS / 2;
const LARGEST_HALF: usize = (1 << HALF) - 1;

/// Objects by numbers that are never 0 and never used again.
pub(crate) struct Table<T> {
    places: RwLock<Places<T>>,
}

struct Places<T> {
    all: Vec<Place<T>>,
    /// Those that are empty. The longest empty is used first, so that generations grow slowly.
    empty: VecDeque<usize>,
}

struct Place<T> {
    generation: usize,
    object: Option<Arc<T>>,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            places: RwLock::new(Places {
                all: Vec::new(),
                empty: VecDeque::new(),
            }),
        }
    }

    /// Puts an object in and gives its number; `None` when all numbers are used up.
    pub(crate) fn insert(&self, object: T) -> Option<NonZeroUsize> {
        let mut places = self.write();
        let index = match places.empty.pop_front() {
            Some(index) => index,
            None if places.all.len() < LARGEST_HALF => {
                places.all.push(Place {
                    generation: 0,
                    object: None,
                });
                places.all.len() - 1
            }
            None => return None,
        };
        let place = places.all.get_mut(index)?;
        place.object = Some(Arc::new(object));
        NonZeroUsize::new(place.generation << HALF | (index + 1))
    }

    /// The object of this number.
    pub(crate) fn get(&self, number: usize) -> Option<Arc<T>> {
        let (index, generation) = split(number)?;
        let places = self.read();
        let place = places.all.get(index)?;
        if place.generation != generation {
            return None;
        }
        place.object.clone()
    }

    /// Takes the object of this number out.
    pub(crate) fn remove(&self, number: usize) -> Option<Arc<T>> {
        let (index, generation) = split(number)?;
        let mut places = self.write();
        let place = places.all.get_mut(index)?;
        if place.generation != generation {
            return None;
        }
        let object = place.object.take()?;
        // A place whose generations are used up stays empty for good.
        if place.generation < LARGEST_HALF {
            place.generation += 1;
            places.empty.push_back(index);
        }
        Some(object)
    }

    fn read(&self) -> RwLockReadGuard<'_, Places<T>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Places<T>> {
        self.places.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Place and generation of a number.
fn split(number: usize) -> Option<(usize, usize)> {
    let index = (number & LARGEST_HALF).checked_sub(1)?;
    Some((index, number >> HALF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_good_until_its_object_is_taken_out() {
        let table = Table::new();
        let (a, b) = (table.insert('a').unwrap(), table.insert('b').unwrap());
        assert_eq!(table.get(a.get()).as_deref(), Some(&'a'));
        assert_eq!(table.remove(a.get()).as_deref(), Some(&'a'));
        assert_eq!(table.get(a.get()), None);
        assert_eq!(table.remove(a.get()), None);
        assert_eq!(table.get(b.get()).as_deref(), Some(&'b'));
    }

    #[test]
    fn a_place_is_used_again_under_another_number() {
        let table = Table::new();
        let first = table.insert(0).unwrap();
        let mut numbers = vec![first];
        for object in 1..1000 {
            table.remove(numbers.last().unwrap().get()).unwrap();
            numbers.push(table.insert(object).unwrap());
        }
        assert_eq!(table.read().all.len(), 1);
        let live = numbers.pop().unwrap();
        assert_eq!(table.get(live.get()).as_deref(), Some(&999));
        assert!(
            numbers
                .iter()
                .all(|number| table.get(number.get()).is_none())
        );
    }

    #[test]
    fn a_place_without_generations_stays_empty() {
        let table = Table::new();
        let number = table.insert(0).unwrap();
        table.write().all[0].generation = LARGEST_HALF;
        let last = LARGEST_HALF << HALF | number.get();
        assert!(table.remove(last).is_some());
        assert_eq!(table.remove(last), None);
        assert_eq!(table.get(last), None);
        table.insert(1).unwrap();
        assert_eq!(table.read().all.len(), 2);
    }

    #[test]
    fn whatever_else_is_no_number_of_an_object() {
        let table = Table::new();
        let number = table.insert(0).unwrap().get();
        for wrong in [
            0,
            usize::MAX,
            number + 1,
            number | 1 << HALF,
            number ^ LARGEST_HALF,
            &raw const table as usize,
        ] {
            assert_eq!(table.get(wrong), None, "{wrong:#x}");
            assert_eq!(table.remove(wrong), None, "{wrong:#x}");
        }
    }

    #[test]
    fn an_object_lives_on_for_those_who_hold_it() {
        let table = Table::new();
        let number = table.insert(7).unwrap().get();
        let held = table.get(number).unwrap();
        drop(table.remove(number));
        assert_eq!(*held, 7);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
