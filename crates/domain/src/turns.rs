//! Whose turn it is where many wait for the same: lines take turns, so that who comes with many waits behind their own.

use std::collections::VecDeque;

/// A line to stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Of somebody who is known: these go first.
    Known(String),
    /// Of all that come from one network.
    Strangers(String),
}

/// The number of somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(u64);

/// Those who wait, so many at most.
#[derive(Debug)]
pub struct Turns<T> {
    most: usize,
    given: u64,
    known: Lines<T>,
    strangers: Lines<T>,
}

impl<T> Turns<T> {
    /// Nobody yet.
    pub fn new(most: usize) -> Self {
        Self { most, given: 0, known: Lines::default(), strangers: Lines::default() }
    }

    /// Lets one more wait in this line, at its end. Where as many wait as may, the last of the longest line goes instead, which
    /// is given back with the number: a stranger's, as long as there are any, where somebody comes who is known. Gives back who
    /// came if it is their own line that is too long.
    pub fn join(&mut self, line: Line, waiter: T) -> Result<(Number, Option<T>), T> {
        let gone = if self.known.count() + self.strangers.count() < self.most {
            None
        } else {
            let gone = match &line {
                Line::Known(_) if self.strangers.count() > 0 => self.strangers.pop_longest(0),
                Line::Known(name) => self.known.pop_longest(self.known.length(name) + 1),
                Line::Strangers(name) => self.strangers.pop_longest(self.strangers.length(name) + 1),
            };
            match gone {
                None => return Err(waiter),
                gone => gone,
            }
        };
        self.given += 1;
        let number = Number(self.given);
        match line {
            Line::Known(name) => self.known.push(name, number, waiter),
            Line::Strangers(name) => self.strangers.push(name, number, waiter),
        }
        Ok((number, gone))
    }

    /// The one whose turn it is of those that may go now; a line is passed over if its first may not.
    pub fn take_next_where(&mut self, may_go: impl Fn(&T) -> bool) -> Option<T> {
        self.known.take_next(&may_go).or_else(|| self.strangers.take_next(&may_go))
    }

    /// Somebody waits no more, if they still did.
    pub fn leave(&mut self, number: Number) {
        self.known.remove(number);
        self.strangers.remove(number);
    }
}

/// Lines that take turns: the first of the first line is next, and then that line is the last. None is empty.
#[derive(Debug)]
struct Lines<T>(VecDeque<(String, VecDeque<(Number, T)>)>);

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Lines<T> {
    fn count(&self) -> usize {
        self.0.iter().map(|(_, line)| line.len()).sum()
    }

    fn length(&self, name: &str) -> usize {
        self.0.iter().find(|(found, _)| found == name).map_or(0, |(_, line)| line.len())
    }

    fn push(&mut self, name: String, number: Number, waiter: T) {
        match self.0.iter_mut().find(|(found, _)| *found == name) {
            Some((_, line)) => line.push_back((number, waiter)),
            None => self.0.push_back((name, VecDeque::from([(number, waiter)]))),
        }
    }

    fn take_next(&mut self, may_go: &impl Fn(&T) -> bool) -> Option<T> {
        let first = self.0.iter().position(|(_, line)| line.front().is_some_and(|(_, waiter)| may_go(waiter)))?;
        let (name, mut line) = self.0.remove(first)?;
        let (_, waiter) = line.pop_front()?;
        if !line.is_empty() {
            self.0.push_back((name, line));
        }
        Some(waiter)
    }

    /// The last of the longest line, if that has more than `least`.
    fn pop_longest(&mut self, least: usize) -> Option<T> {
        let longest = self.0.iter_mut().map(|(_, line)| line).max_by_key(|line| line.len());
        let (_, waiter) = longest.filter(|line| line.len() > least)?.pop_back()?;
        self.0.retain(|(_, line)| !line.is_empty());
        Some(waiter)
    }

    fn remove(&mut self, number: Number) {
        for (_, line) in &mut self.0 {
            line.retain(|(found, _)| *found != number);
        }
        self.0.retain(|(_, line)| !line.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Line {
        Line::Known(name.to_owned())
    }

    fn strangers(name: &str) -> Line {
        Line::Strangers(name.to_owned())
    }

    fn rest(turns: &mut Turns<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| turns.take_next_where(|_| true)).collect()
    }

    #[test]
    fn lines_take_turns_and_the_known_go_first() {
        let mut turns = Turns::new(9);
        for (line, who) in [
            (strangers("a"), "a1"),
            (strangers("a"), "a2"),
            (strangers("a"), "a3"),
            (strangers("b"), "b1"),
            (strangers("c"), "c1"),
            (strangers("b"), "b2"),
            (known("x"), "x1"),
            (known("x"), "x2"),
            (known("y"), "y1"),
        ] {
            assert_eq!(turns.join(line, who).map(|(_, gone)| gone), Ok(None), "{who}");
        }
        assert_eq!(rest(&mut turns), ["x1", "y1", "x2", "a1", "b1", "c1", "a2", "b2", "a3"]);
    }

    #[test]
    fn where_it_is_full_the_longest_line_makes_room() {
        let mut turns = Turns::new(4);
        for who in ["a1", "a2", "a3", "a4"] {
            turns.join(strangers("a"), who).unwrap();
        }
        assert_eq!(turns.join(strangers("a"), "a5"), Err("a5"), "it is their own");
        assert_eq!(turns.join(strangers("b"), "b1").map(|(_, gone)| gone), Ok(Some("a4")));
        assert_eq!(turns.join(strangers("b"), "b2").map(|(_, gone)| gone), Ok(Some("a3")));
        assert_eq!(turns.join(strangers("b"), "b3"), Err("b3"), "no more than theirs");
        assert_eq!(turns.join(strangers("c"), "c1").map(|(_, gone)| gone), Ok(Some("b2")));
        assert_eq!(turns.join(known("x"), "x1").map(|(_, gone)| gone), Ok(Some("a2")));
        assert_eq!(turns.join(strangers("d"), "d1"), Err("d1"), "everybody has but one");
        for who in ["x2", "x3", "x4"] {
            assert!(turns.join(known("x"), who).is_ok_and(|(_, gone)| gone.is_some()), "{who}");
        }
        assert_eq!(turns.join(known("x"), "x5"), Err("x5"));
        assert_eq!(turns.join(strangers("a"), "a6"), Err("a6"), "no stranger for somebody who is known");
        assert_eq!(turns.join(known("y"), "y1").map(|(_, gone)| gone), Ok(Some("x4")));
        assert_eq!(rest(&mut turns), ["x1", "y1", "x2", "x3"]);
    }

    #[test]
    fn who_leaves_keeps_nobody_waiting() {
        let mut turns = Turns::new(2);
        let (first, _) = turns.join(strangers("a"), "a1").unwrap();
        let (second, _) = turns.join(known("x"), "x1").unwrap();
        turns.leave(first);
        assert_eq!(turns.join(strangers("b"), "b1").map(|(_, gone)| gone), Ok(None), "there is room");
        turns.leave(first);
        turns.leave(second);
        assert_eq!(rest(&mut turns), ["b1"]);
        turns.leave(second);
        assert_eq!(turns.take_next_where(|_| true), None);
    }

    #[test]
    fn a_line_that_may_not_go_is_passed_over_and_keeps_its_turn() {
        let mut turns = Turns::new(9);
        for (line, who) in [(known("x"), "x1"), (known("x"), "x2"), (known("y"), "y1"), (strangers("a"), "a1")] {
            turns.join(line, who).unwrap();
        }
        assert_eq!(turns.take_next_where(|_| false), None);
        assert_eq!(turns.take_next_where(|who| *who != "x1"), Some("y1"));
        assert_eq!(turns.take_next_where(|who| *who != "x1"), Some("a1"));
        assert_eq!(rest(&mut turns), ["x1", "x2"]);
    }
}
