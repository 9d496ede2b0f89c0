//! What the lists that somebody asks for cost, and how much of it they have in an hour: whoever sizes the work also pays for it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::filter::{Filter, Page};

/// As many records of a list as cost a point.
const RECORDS: u32 = 400;
/// How long points are counted together: from the first one spent, not sliding.
const WINDOW: TimeDelta = TimeDelta::hours(1);

/// What a list costs, or without a page the count of its records: each condition is asked of many records, and so is each
/// column that they are ordered by. Lists of one request, and requests of one batch, are each charged by themselves: who sends
/// twelve lists ten times over pays for a hundred and twenty.
pub fn of(wanted: &Filter, page: Option<&Page>) -> usize {
    let (columns, records) = page.map_or((0, 0), |page| (page.order.len(), page.first.div_ceil(RECORDS)));
    wanted.size().max(1) + columns + usize::try_from(records).unwrap_or(usize::MAX)
}

/// What somebody has spent of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    points: usize,
    until: DateTime<Utc>,
    window: TimeDelta,
}

impl Spent {
    /// Nothing yet, in an hour that begins now.
    pub fn nothing(now: DateTime<Utc>) -> Self {
        Self::nothing_within(now, WINDOW)
    }

    /// Nothing yet, in a window of this length that begins now.
    pub fn nothing_within(now: DateTime<Utc>, window: TimeDelta) -> Self {
        Self { points: 0, until: now + window, window }
    }

    /// Spends so many points more. If that is more than are left of `budget`, it spends none and gives how long it takes until
    /// there are all of them again: what is refused costs nothing.
    pub fn charge(&mut self, now: DateTime<Utc>, points: usize, budget: usize) -> Result<(), Duration> {
        if self.is_over(now) {
            *self = Self::nothing_within(now, self.window);
        }
        let spent = self.points.saturating_add(points);
        if spent > budget {
            return Err((self.until - now).to_std().unwrap_or_default());
        }
        self.points = spent;
        Ok(())
    }

    /// Whether its window has ended. A clock that was set back by more than one doesn't make it last.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.until || self.until - now > self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Comparison, Table, Value};

    fn contains() -> Filter {
        Filter::Column("name", Comparison::Contains, Value::Text("a".to_owned()))
    }

    #[test]
    fn a_list_costs_its_conditions_its_order_and_its_records() {
        let page = |columns: usize, first| Page { order: vec![("name", false); columns], first, skip: 0 };
        let related = |filter| Filter::related(Table::Accounts, "subject", "subject", filter);
        for (points, filter, page) in [
            (1, Filter::everything(), None),
            (1, Filter::All(vec![]), Some(page(0, 0))),
            (2, Filter::everything(), Some(page(0, 1))),
            (2, Filter::everything(), Some(page(0, 400))),
            (3, Filter::everything(), Some(page(0, 401))),
            (4, Filter::everything(), Some(Page::default())),
            (14, Filter::everything(), Some(page(10, 1000))),
            (1, contains(), None),
            (99, Filter::Any(vec![contains(); 98]), None),
            (99, Filter::Not(Box::new(Filter::Any(vec![contains(); 98]))), None),
            (100, related(Filter::Any(vec![contains(); 98])), None),
            (1, Filter::OneOf("id", vec![]), None),
            (1, Filter::OneOf("id", vec![Value::Bool(true); 10]), None),
            (200, Filter::OneOf("id", vec![Value::Bool(true); 2000]), None),
            (3, Filter::All(vec![Filter::nothing(), Filter::nothing()]), None),
        ] {
            assert_eq!(of(&filter, page.as_ref()), points, "{filter:?} {page:?}");
        }
    }

    #[test]
    fn what_is_spent_comes_back_after_an_hour() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let after = |minutes| now + TimeDelta::minutes(minutes);
        let mut spent = Spent::nothing(now);
        let minutes = Duration::from_mins;
        for (at, points, expected) in [
            (0, 60, Ok(())),
            (10, 41, Err(minutes(50))),
            (10, 40, Ok(())),
            (20, 1, Err(minutes(40))),
            (20, usize::MAX, Err(minutes(40))),
            (20, 0, Ok(())),
            (59, 1, Err(minutes(1))),
            (60, 101, Err(minutes(60))),
            (60, 100, Ok(())),
            (119, 1, Err(minutes(1))),
            (-120, 100, Ok(())),
        ] {
            assert_eq!(spent.charge(after(at), points, 100), expected, "{at} {points}");
        }
    }
}
