//! Counted requests become edges.

use serde::{Deserialize, Serialize};

use crate::msg::Requests;

/// Which requests were made since the last tick.
#[expect(clippy::struct_excessive_bools, reason = "independent presses, any of them together")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edges {
    pub(super) take_over: bool,
    pub(super) engage: bool,
    pub(super) pause: bool,
    pub(super) e_stop: bool,
    pub(super) reset: bool,
}

/// The counters last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen(Option<Requests>);

impl Seen {
    pub(super) fn edges(&mut self, requests: &Requests) -> Edges {
        let Some(before) = self.0.replace(*requests) else {
            return Edges::default();
        };
        Edges {
            take_over: advanced(before.take_over, requests.take_over),
            engage: advanced(before.engage, requests.engage),
            pause: advanced(before.pause, requests.pause),
            e_stop: before.e_stop != requests.e_stop,
            reset: advanced(before.reset, requests.reset),
        }
    }
}

/// Half the range ahead counts as forward, so that wrapping is an edge and a restart at zero is
/// not.
const fn advanced(before: u32, after: u32) -> bool {
    let steps = after.wrapping_sub(before);
    steps != 0 && steps < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_an_edge_only_when_it_goes_forward() {
        // A wrapped counter would lose a press; a restarted input source would engage by itself.
        for (before, after, edge) in [
            (0, 0, false),
            (0, 1, true),
            (7, 9, true),
            (u32::MAX, 0, true),
            (u32::MAX - 1, 3, true),
            (0, (1 << 31) - 1, true),
            (0, 1 << 31, false),
            (3, 0, false),
            (0, u32::MAX, false),
        ] {
            assert_eq!(advanced(before, after), edge, "{before} -> {after}");
        }
    }

    #[test]
    fn the_first_observation_is_the_baseline() {
        // A station joining a running input source would act on presses made long ago.
        let old = Requests { take_over: 4, engage: 3, pause: 2, e_stop: 1, reset: 9 };
        let mut seen = Seen::default();
        assert_eq!(seen.edges(&old), Edges::default());
        assert_eq!(seen.edges(&old), Edges::default());
    }

    #[test]
    fn each_counter_is_its_own_edge() {
        // A mixed-up field would make one key do another one's work.
        let zero = Requests::default();
        let table = [
            (Requests { take_over: 1, ..zero }, Edges { take_over: true, ..Edges::default() }),
            (Requests { engage: 1, ..zero }, Edges { engage: true, ..Edges::default() }),
            (Requests { pause: 1, ..zero }, Edges { pause: true, ..Edges::default() }),
            (Requests { e_stop: 1, ..zero }, Edges { e_stop: true, ..Edges::default() }),
            (Requests { reset: 1, ..zero }, Edges { reset: true, ..Edges::default() }),
        ];
        for (requests, edges) in table {
            let mut seen = Seen(Some(zero));
            assert_eq!(seen.edges(&requests), edges);
        }
    }

    #[test]
    fn any_change_of_the_e_stop_counter_stops() {
        // An e-stop behind a restarted counter would be lost.
        let mut seen = Seen(Some(Requests { e_stop: 5, ..Requests::default() }));
        assert!(seen.edges(&Requests::default()).e_stop);
    }
}
