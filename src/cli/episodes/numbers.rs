//! Episodes named on the command line: `3`, `5-9`, `3,5-9`.

use std::ops::RangeInclusive;
use std::str::FromStr;

use anyhow::ensure;

/// Numbers and ranges, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbers(Vec<RangeInclusive<usize>>);

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} names no episodes; they are named as 3, 5-9 or 3,5-9");
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        let range = |part: &str| match part.split_once('-') {
            Some((first, last)) => Ok(number(first)?..=number(last)?),
            None => number(part).map(|only| only..=only),
        };
        let ranges: Vec<_> = text.split(',').map(range).collect::<Result<_, String>>()?;
        if ranges.iter().any(RangeInclusive::is_empty) {
            return Err(wrong());
        }
        Ok(Self(ranges))
    }
}

/// Every number once, in order.
///
/// # Errors
/// One of them is not among the `n_episodes` that there are.
pub(super) fn resolve(list: &[Numbers], n_episodes: usize) -> anyhow::Result<Vec<usize>> {
    let mut numbers = Vec::new();
    for range in list.iter().flat_map(|numbers| &numbers.0) {
        let last = range.end();
        ensure!(*last < n_episodes, "{}", missing(*last, n_episodes));
        numbers.extend(range.clone());
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// What is wrong with a number, and which there are.
pub(super) fn missing(number: usize, n_episodes: usize) -> String {
    let there = match n_episodes {
        0 => "it has none".to_owned(),
        1 => "it has only episode 0".to_owned(),
        n => format!("it has 0 to {}", n - 1),
    };
    format!("the dataset has no episode {number}: {there}")
}

/// As `episode 3`, `episodes 3, 5-9`.
pub(super) fn words(numbers: &[usize]) -> String {
    let plural = if numbers.len() == 1 { "" } else { "s" };
    format!("episode{plural} {}", list(numbers, ", "))
}

/// As [`Numbers`] takes them.
pub(super) fn typed(numbers: &[usize]) -> String {
    list(numbers, ",")
}

fn list(numbers: &[usize], between: &str) -> String {
    let mut runs: Vec<RangeInclusive<usize>> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some(run) if *run.end() + 1 == number => *run = *run.start()..=number,
            _ => runs.push(number..=number),
        }
    }
    let text = |run: &RangeInclusive<usize>| {
        let (first, last) = (run.start(), run.end());
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(text).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(texts: &[&str], n: usize) -> anyhow::Result<Vec<usize>> {
        let list: Vec<Numbers> = texts.iter().map(|text| text.parse().unwrap()).collect();
        resolve(&list, n)
    }

    #[test]
    fn numbers_and_ranges_name_episodes_once() {
        // Another episode would be discarded than the one that was meant.
        assert_eq!(resolved(&["3", "5-7"], 10).unwrap(), [3, 5, 6, 7]);
        assert_eq!(resolved(&["9,0-2", "1"], 10).unwrap(), [0, 1, 2, 9]);
        assert_eq!(words(&[3]), "episode 3");
        assert_eq!(words(&[0, 1, 2, 9]), "episodes 0-2, 9");
        assert_eq!(typed(&[0, 1, 2, 9]).parse::<Numbers>(), "0-2,9".parse());
    }

    #[test]
    fn what_names_no_episode_is_refused() {
        // Nonsense would be taken for all, or a huge range fill the memory.
        for text in ["", "x", "-1", "5-3", "1-", "1,,2", "1.5"] {
            assert!(text.parse::<Numbers>().is_err(), "{text}");
        }
        let error = resolved(&["0-99999999999"], 10).unwrap_err().to_string();
        assert_eq!(error, "the dataset has no episode 99999999999: it has 0 to 9");
        assert!(resolved(&["0"], 0).unwrap_err().to_string().ends_with("it has none"));
    }
}
