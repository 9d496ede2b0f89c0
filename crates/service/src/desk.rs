//! Places at which work is done a few at a time, and who waits for one: lines take turns (`domain::turns`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use domain::turns::{Line, Number, Turns};

/// Some places.
pub(super) struct Desk(Arc<Inner>);

struct Inner {
    at_once: usize,
    /// How many of one line at once.
    of_a_line: usize,
    now: Mutex<Now>,
}

struct Now {
    running: Vec<Line>,
    waiting: Turns<(Line, oneshot::Sender<Place>)>,
}

/// As many wait as may, and most of them in this line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Inner {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, running: &[Line], line: &Line) -> bool {
        running.len() < self.at_once && running.iter().filter(|other| *other == line).count() < self.of_a_line
    }
}

/// A place to work at. The next in line gets it when it is dropped, so not before abandoned work has
/// ended.
pub struct Place {
    desk: Arc<Inner>,
    line: Line,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut next = Vec::new();
        {
            let mut now = self.desk.now();
            let Now { running, waiting } = &mut *now;
            if let Some(own) = running.iter().position(|line| *line == self.line) {
                running.swap_remove(own);
            }
            // It may be several: those who could not go because of their own line.
            while let Some((line, place)) = waiting.take_next_where(|(line, _)| self.desk.has_room(running, line)) {
                running.push(line.clone());
                next.push((Self { desk: Arc::clone(&self.desk), line }, place));
            }
        }
        for (place, waits) in next {
            // Who has gone meanwhile drops it, and so the one after them gets it.
            drop(waits.send(place));
        }
    }
}

/// Somebody who waits for a place.
struct Waiting {
    desk: Arc<Inner>,
    number: Number,
    place: oneshot::Receiver<Place>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.desk.now().waiting.leave(self.number);
    }
}

impl Desk {
    /// A desk with `at_once` places, of which one line has at most `of_a_line`, and room for `queue` who wait.
    pub(super) fn new(at_once: usize, of_a_line: usize, queue: usize) -> Self {
        let now = Mutex::new(Now { running: Vec::new(), waiting: Turns::new(queue) });
        Self(Arc::new(Inner { at_once, of_a_line, now }))
    }

    /// Waits for a place. [`Full`] if as many wait as may, and most of them in this line; also later, for somebody of another.
    pub(super) async fn place(&self, line: Line) -> Result<Place, Full> {
        let (mut waiting, gone) = {
            let mut now = self.0.now();
            if self.0.has_room(&now.running, &line) {
                now.running.push(line.clone());
                return Ok(Place { desk: Arc::clone(&self.0), line });
            }
            let (sender, place) = oneshot::channel();
            let (number, gone) = now.waiting.join(line.clone(), (line, sender)).map_err(|_own| Full)?;
            (Waiting { desk: Arc::clone(&self.0), number, place }, gone)
        };
        // They are told by this.
        drop(gone);
        (&mut waiting.place).await.map_err(|_made_room| Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strangers(network: &str) -> Line {
        Line::Strangers(network.to_owned())
    }

    fn known(name: &str) -> Line {
        Line::Known(name.to_owned())
    }

    /// One runs, and these wait, as far as they may.
    macro_rules! waits {
        ($desk:expr, $line:expr) => {{
            let mut waits = Box::pin($desk.place($line));
            assert!(futures_util::poll!(&mut waits).is_pending());
            waits
        }};
    }

    fn is_refused(place: &Result<Place, Full>) -> bool {
        place.is_err()
    }

    #[tokio::test]
    async fn beyond_the_queue_nobody_waits() {
        let desk = Desk::new(1, 1, 1);
        let runs = desk.place(strangers("a")).await.unwrap();
        let waits = waits!(desk, strangers("a"));
        assert!(is_refused(&desk.place(strangers("a")).await), "a third");
        assert!(is_refused(&desk.place(strangers("b")).await), "nobody has more than one");
        drop(runs);
        drop(waits.await.unwrap());
        drop(desk.place(strangers("a")).await.unwrap());
        assert!(desk.0.now().running.is_empty());
    }

    #[tokio::test]
    async fn a_network_that_floods_refuses_itself_and_others_wait_for_one_of_it_at_most() {
        let desk = Desk::new(1, 1, 4);
        let runs = desk.place(strangers("flood")).await.unwrap();
        let mut flood = Vec::new();
        for _ in 0..4 {
            flood.push(waits!(desk, strangers("flood")));
        }
        assert!(is_refused(&desk.place(strangers("flood")).await));
        let other = waits!(desk, strangers("other"));
        let known = waits!(desk, known("jane"));
        // The two that came last of the longest line made room.
        assert!(is_refused(&flood.pop().unwrap().await));
        assert!(is_refused(&flood.pop().unwrap().await));
        let [mut second, mut first] = [flood.pop().unwrap(), flood.pop().unwrap()];
        drop(runs);
        let runs = known.await.unwrap();
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(runs);
        let runs = first.await.unwrap();
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(runs);
        drop(other.await.unwrap());
        drop(second.await.unwrap());
        assert!(desk.0.now().running.is_empty());
    }

    #[tokio::test]
    async fn who_hangs_up_keeps_no_place() {
        let desk = Desk::new(1, 1, 2);
        let runs = desk.place(strangers("a")).await.unwrap();
        let [gone, late, waits] = [(); 3].map(|()| Box::pin(desk.place(strangers("a"))));
        let (mut gone, mut late, mut waits) = (gone, late, waits);
        assert!(futures_util::poll!(&mut gone).is_pending());
        assert!(futures_util::poll!(&mut late).is_pending());
        drop(gone);
        assert!(futures_util::poll!(&mut waits).is_pending(), "there is room again");
        // It is late's turn, who hangs up before they hear of it.
        drop(runs);
        drop(late);
        drop(waits.await.unwrap());
        assert!(desk.0.now().running.is_empty());
    }

    #[tokio::test]
    async fn one_line_never_has_all_places() {
        let desk = Desk::new(3, 1, 8);
        let first = desk.place(known("greedy")).await.unwrap();
        let mut second = waits!(desk, known("greedy"));
        let _third = waits!(desk, known("greedy"));
        let others = [desk.place(known("jane")).await.unwrap(), desk.place(known("john")).await.unwrap()];
        let last = waits!(desk, known("jim"));
        let again = waits!(desk, known("jane"));
        drop(others);
        // Both go: the greedy line, though it came first, has its one still.
        let [last, again] = [last.await.unwrap(), again.await.unwrap()];
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        drop(second.await.unwrap());
        drop((last, again));
    }
}
