//! What is learnt from a recorded row: which command, and how much it counts.
//!
//! | row | label | weight |
//! |---|---|---|
//! | the operator acted | `operator_action` | 1, [`LabelRules::intervention`] in an intervention |
//! | the same while the e-stop was latched | `operator_action` | 0: nobody obeyed it |
//! | a policy drove, or the ramp after it | `action` | [`LabelRules::policy`] |
//! | the operator had let go, for a moment or at the end | `action` | 1: standing was meant |
//! | the operator had let go for longer; nobody was to drive | `action` | 0 |
//! | recorded by a program that tells none of this | `action` | 1 |
//!
//! `operator_action` is what the hands asked for, or the clean command of an expert whose driving
//! was disturbed. Interventions count more as in HG-DAgger (Kelly et al., 2019), and the mistakes
//! before them are not imitated.
//!
//! Deliberately absent: which episodes are learnt from.

use super::TrainError;
use crate::dataset::table::Table;

/// Elements of a command: x.vel, y.vel, theta.vel in m/s, m/s, rad/s.
pub const AXES: usize = 3;

/// How much rows count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelRules {
    /// Of rows that a policy drove; 0: what a policy did is not imitated.
    pub policy: f32,
    /// Of interventions, against 1 for other rows of the operator.
    pub intervention: f32,
    /// Letting go of the controls for at most so long is part of driving.
    pub pause_s: f64,
}

impl Default for LabelRules {
    fn default() -> Self {
        Self { policy: 0.0, intervention: 3.0, pause_s: 0.5 }
    }
}

/// What is learnt from one row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Label {
    pub twist: [f32; AXES],
    /// 0: nothing.
    pub weight: f32,
}

/// Who made the command of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Operator {
        is_intervention: bool,
    },
    Policy,
    /// The operator may drive and does not.
    HandsOff,
    Nobody,
    Untold,
}

/// The label of each row of an episode. `is_failure`: its end is not where the robot should stand.
///
/// # Errors
/// `action` is missing or not a command of three axes.
pub fn labels(
    table: &Table,
    fps: u32,
    rules: &LabelRules,
    is_failure: bool,
) -> Result<Vec<Label>, TrainError> {
    let action = commands(table, "action").ok_or_else(|| {
        TrainError::Data("the column action is not x.vel, y.vel, theta.vel of float32".to_owned())
    })?;
    let operator = commands(table, "operator_action").unwrap_or_default();
    let drivers: Vec<Driver> = (0..action.len()).map(|row| driver(table, row)).collect();
    let pause = (rules.pause_s * f64::from(fps)).round() as usize;
    let is_meant = standing_is_meant(&drivers, pause, is_failure);
    let rows = action.iter().zip(&drivers).zip(is_meant).enumerate();
    let label = |(row, ((action, driver), is_meant)): (usize, ((&[f32; AXES], &Driver), bool))| {
        let (twist, weight) = match driver {
            Driver::Operator { is_intervention } => {
                let weight = if *is_intervention { rules.intervention } else { 1.0 };
                (operator.get(row).unwrap_or(action), weight)
            }
            Driver::Policy => (action, rules.policy),
            Driver::HandsOff => (action, if is_meant { 1.0 } else { 0.0 }),
            Driver::Nobody => (operator_or(action, operator.get(row), table, row), 0.0),
            Driver::Untold => (action, 1.0),
        };
        let is_finite = twist.iter().all(|axis| axis.is_finite());
        if is_finite { Label { twist: *twist, weight } } else { Label::default() }
    };
    Ok(rows.map(label).collect())
}

fn operator_or<'a>(
    action: &'a [f32; AXES],
    operator: Option<&'a [f32; AXES]>,
    table: &Table,
    row: usize,
) -> &'a [f32; AXES] {
    operator.filter(|_| is_set(table, "operator_action_valid", row)).unwrap_or(action)
}

fn commands(table: &Table, name: &str) -> Option<Vec<[f32; AXES]>> {
    let (width, values) = table.f32_lists(name)?;
    (width == AXES).then(|| values.as_chunks().0.to_vec())
}

fn is_set(table: &Table, name: &str, row: usize) -> bool {
    table.bools(name).and_then(|values| values.get(row)).copied().unwrap_or(false)
}

fn driver(table: &Table, row: usize) -> Driver {
    let text = |name: &str| table.texts(name).and_then(|values| values.get(row));
    let mode = text("mode").map_or("", String::as_str);
    if is_set(table, "operator_action_valid", row) {
        let is_intervention = is_set(table, "intervention", row);
        return if mode == "e_stop" {
            Driver::Nobody
        } else {
            Driver::Operator { is_intervention }
        };
    }
    match (text("authority").map(String::as_str), mode) {
        (Some("policy" | "ramp"), _) => Driver::Policy,
        (Some("nobody"), "manual" | "override") => Driver::HandsOff,
        (Some("nobody"), _) => Driver::Nobody,
        _ => Driver::Untold,
    }
}

/// For each row whether hands off means "stand": between rows of the operator no further apart than
/// `pause` rows, and from the operator's last row on, unless the episode failed.
fn standing_is_meant(drivers: &[Driver], pause: usize, is_failure: bool) -> Vec<bool> {
    let mut is_meant = vec![false; drivers.len()];
    let mut row = 0;
    let mut has_driven = false;
    for run in drivers.chunk_by(|a, b| is_hands_off(*a) == is_hands_off(*b)) {
        let is_last = row + run.len() == drivers.len();
        let is_short = run.len() <= pause && !is_last;
        if run.first().is_some_and(|driver| is_hands_off(*driver)) {
            let meant = has_driven && (is_short || (is_last && !is_failure));
            let rows = is_meant.iter_mut().skip(row).take(run.len());
            rows.for_each(|row| *row = meant);
        } else {
            has_driven = matches!(run.last(), Some(Driver::Operator { .. }));
        }
        row += run.len();
    }
    is_meant
}

fn is_hands_off(driver: Driver) -> bool {
    driver == Driver::HandsOff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::table::Column;

    const FPS: u32 = 10;

    /// A row: mode, authority, whether the operator's command is valid, whether an intervention.
    type Row = (&'static str, &'static str, bool, bool);

    const DRIVES: Row = ("manual", "operator", true, false);
    const LETS_GO: Row = ("manual", "nobody", false, false);
    const AUTONOMOUS: Row = ("autonomous", "policy", false, false);
    const CORRECTS: Row = ("override", "operator", true, true);
    const PAUSES: Row = ("override", "nobody", false, false);
    const WAITS: Row = ("standby", "nobody", false, false);

    /// Row `i` was sent i, and the operator wished -i.
    fn table(rows: &[Row]) -> Table {
        let mut table = Table::new();
        let each = |sign: f32| {
            let values = (0..rows.len()).flat_map(|i| [sign * i as f32, 0.0, 0.5]);
            Column::F32List { width: AXES, values: values.collect() }
        };
        let text = |of: fn(&Row) -> &str| {
            Column::Text(rows.iter().map(|row| of(row).to_owned()).collect())
        };
        table.push("action", each(1.0)).unwrap();
        table.push("operator_action", each(-1.0)).unwrap();
        let valid = rows.iter().map(|row| row.2).collect();
        table.push("operator_action_valid", Column::Bool(valid)).unwrap();
        let intervention = rows.iter().map(|row| row.3).collect();
        table.push("intervention", Column::Bool(intervention)).unwrap();
        table.push("mode", text(|row| row.0)).unwrap();
        table.push("authority", text(|row| row.1)).unwrap();
        table
    }

    fn weights(rows: &[Row], is_failure: bool) -> Vec<f32> {
        let labels = labels(&table(rows), FPS, &LabelRules::default(), is_failure).unwrap();
        labels.iter().map(|label| label.weight).collect()
    }

    #[test]
    fn each_row_is_labelled_by_who_drove() {
        // The mistakes before a takeover would be imitated, or the correction not be learnt.
        let cases = [
            (DRIVES, -1.0, 1.0),
            (CORRECTS, -1.0, 3.0),
            (AUTONOMOUS, 1.0, 0.0),
            (("soft_stop", "ramp", false, false), 1.0, 0.0),
            (WAITS, 1.0, 0.0),
            (("e_stop", "nobody", false, false), 1.0, 0.0),
            (("e_stop", "nobody", true, false), -1.0, 0.0),
        ];
        for (row, x, weight) in cases {
            let labels =
                labels(&table(&[DRIVES, row]), FPS, &LabelRules::default(), false).unwrap();
            assert_eq!(labels[1], Label { twist: [x, 0.0, 0.5], weight }, "{row:?}");
        }
        let chosen = LabelRules { policy: 0.5, ..LabelRules::default() };
        let labels = labels(&table(&[AUTONOMOUS]), FPS, &chosen, false).unwrap();
        assert!((labels[0].weight - 0.5).abs() < 1e-6);
    }

    #[test]
    fn hands_off_counts_where_it_means_to_stand() {
        // Waiting before the start and thinking on the way would teach to stand there; leaving out
        // the end would teach never to stop.
        let short = [DRIVES, LETS_GO, LETS_GO, DRIVES];
        assert_eq!(weights(&short, false), [1.0; 4]);
        let mut long = vec![LETS_GO; 3];
        long.push(DRIVES);
        long.extend([LETS_GO; 6]);
        long.push(DRIVES);
        long.extend([LETS_GO; 8]);
        let mut expected = vec![0.0; 3];
        expected.push(1.0);
        expected.extend([0.0; 6]);
        expected.extend([1.0; 9]);
        assert_eq!(weights(&long, false), expected);
        expected[11..].fill(0.0);
        assert_eq!(weights(&long, true), expected);
        let takeover = [AUTONOMOUS, PAUSES, CORRECTS, PAUSES, CORRECTS, AUTONOMOUS];
        assert_eq!(weights(&takeover, false), [0.0, 0.0, 3.0, 1.0, 3.0, 0.0]);
        assert_eq!(weights(&[AUTONOMOUS, PAUSES, PAUSES], false), [0.0; 3]);
    }

    #[test]
    fn recordings_of_other_programs_are_learnt_as_they_are() {
        // A merged demonstration would be ignored, or a table without commands make some up.
        let mut foreign = table(&[DRIVES, DRIVES]);
        for name in
            ["operator_action", "operator_action_valid", "intervention", "mode", "authority"]
        {
            foreign.remove(name);
        }
        let found = labels(&foreign, FPS, &LabelRules::default(), false).unwrap();
        assert_eq!(found[1], Label { twist: [1.0, 0.0, 0.5], weight: 1.0 });
        let flat = Column::F32List { width: 2, values: vec![0.0; 4] };
        foreign.set("action", flat).unwrap();
        assert!(labels(&foreign, FPS, &LabelRules::default(), false).is_err());
        let poison = Column::F32List { width: AXES, values: vec![f32::NAN; 2 * AXES] };
        foreign.set("action", poison).unwrap();
        let found = labels(&foreign, FPS, &LabelRules::default(), false).unwrap();
        assert_eq!(found, [Label::default(); 2]);
    }
}
