//! A recorded drive, opened to be shown: its ticks in time, its pictures, what is known of it.
//!
//! Time is the dataset's: row `i` is at `i / fps`. The ticks between two rows come from the tick
//! journal; a dataset without one is shown with a tick for each row, made of its columns.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};

use super::played::Played;
use super::transport::row_at;
use crate::cli::episodes::facts;
use crate::config::Config;
use crate::dataset::journal::{self, Record};
use crate::dataset::lerobot::{EpisodeMeta, EpisodeVideo, Info};
use crate::dataset::table::Table;
use crate::dataset::{Dataset, DatasetError};
use crate::msg::{Frame, Mode, Stamp, StationInfo, Tick, Twist};

/// One episode.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) number: usize,
    pub(super) fps: f64,
    /// Everything but the instruction, which may change on the way.
    pub(super) info: StationInfo,
    pub(super) meta: EpisodeMeta,
    /// First and last row of each run of rows in which the operator took over.
    pub(super) takeovers: Arc<[(usize, usize)]>,
    rows: Vec<Moment>,
    tasks: Vec<String>,
    ticks: Played,
    pictures: Option<EpisodeVideo>,
}

/// When a row was.
#[derive(Clone, Copy, Debug)]
struct Moment {
    captured: Stamp,
    command: Stamp,
    task: usize,
}

impl Recorded {
    /// Opens an episode. A tick journal of another version is done without; `notes` are told why.
    pub(super) fn open(
        dataset: &Dataset,
        number: usize,
        notes: &mut Vec<String>,
    ) -> Result<Self, DatasetError> {
        let meta = dataset.episode(number)?.clone();
        let table = dataset.rows(number)?;
        let fps = f64::from(dataset.info().fps);
        let rows = moments(&table, fps);
        let mut info = station(dataset, &meta);
        let commands: Vec<_> = rows.iter().map(|row| row.command).collect();
        let of_rows = || Played::of_rows(dataset.info(), &table, &commands);
        let journal = dataset.ticks_path(number).map(|path| journal::read(&path)).transpose();
        let journal = journal.unwrap_or_else(|error| {
            notes.push(error.to_string());
            None
        });
        let ticks = journal.and_then(|contents| {
            geometry(&contents.records, &mut info);
            Played::of_journal(contents.records, *commands.first()?, *commands.last()?)
        });
        let pictures = pictures(dataset, number).unwrap_or_else(|error| {
            // Stands where the picture would be; a small screen has no room for the log.
            if let DatasetError::Video { reason, .. } | DatasetError::Format { reason, .. } = &error
            {
                info.camera.clone_from(reason);
            }
            notes.push(error.to_string());
            None
        });
        Ok(Self {
            number,
            fps,
            info,
            takeovers: takeovers(&table),
            meta,
            tasks: dataset.tasks().to_vec(),
            ticks: ticks.unwrap_or_else(of_rows),
            rows,
            pictures,
        })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// The station's time at so many seconds of the drive.
    pub(super) fn moment(&self, at_s: f64) -> Stamp {
        let row = row_at(at_s, self.fps).min(self.rows.len().saturating_sub(1));
        let Some(now) = self.rows.get(row).map(|row| row.command) else { return Stamp::ZERO };
        let share = (at_s * self.fps - row as f64).clamp(0.0, 1.0);
        let next = self.rows.get(row + 1).map_or(now, |next| next.command.max(now));
        now + next.since(now).mul_f64(share)
    }

    /// How many ticks there were up to `now`.
    pub(super) fn n_ticks_until(&self, now: Stamp) -> usize {
        self.ticks.n_until(now)
    }

    pub(super) fn tick(&self, i: usize) -> Option<Tick> {
        self.ticks.tick(i)
    }

    /// The instruction at a row.
    pub(super) fn task(&self, row: usize) -> &str {
        let task = self.rows.get(row).map(|row| row.task);
        task.and_then(|task| self.tasks.get(task)).map_or("", String::as_str)
    }

    /// Decodes the picture of a row; `None` where the dataset has no camera.
    pub(super) fn picture(&mut self, row: usize) -> Option<Result<Frame, DatasetError>> {
        let pictures = self.pictures.as_mut()?;
        let (width, height) = pictures.file.size();
        let captured = self.rows.get(row)?.captured;
        let mut frame = Frame { seq: row as u64, captured, width, height, rgb: Vec::new() };
        let decoded = pictures.decode(row, &mut frame.rgb);
        Some(decoded.map(|()| frame))
    }
}

fn pictures(dataset: &Dataset, number: usize) -> Result<Option<EpisodeVideo>, DatasetError> {
    let camera = dataset.cameras().into_iter().next();
    camera.map(|camera| dataset.video(number, &camera)).transpose()
}

/// Datasets of other programs know no clock but the row's own time.
fn moments(table: &Table, fps: f64) -> Vec<Moment> {
    let column = |name: &str| table.i64s(name).unwrap_or_default();
    let (captured, command) = (column("capture_time_ns"), column("tick_time_ns"));
    let tasks = column("task_index");
    let at = |times: &[i64], row: usize| {
        let time = times.get(row).and_then(|ns| u64::try_from(*ns).ok());
        time.map_or(Stamp((row as f64 / fps * 1e9) as u64), Stamp)
    };
    let moment = |row: usize| Moment {
        captured: at(captured, row),
        command: at(command, row),
        task: tasks.get(row).and_then(|task| usize::try_from(*task).ok()).unwrap_or_default(),
    };
    (0..table.n_rows()).map(moment).collect()
}

fn takeovers(table: &Table) -> Arc<[(usize, usize)]> {
    let modes = table.texts("mode").unwrap_or_default();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (row, _) in
        modes.iter().enumerate().filter(|(_, mode)| named::<Mode>(mode) == Mode::Override)
    {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == row => *last = row,
            _ => runs.push((row, row)),
        }
    }
    runs.into()
}

/// What stands around the numbers on the screen.
fn station(dataset: &Dataset, meta: &EpisodeMeta) -> StationInfo {
    let info = dataset.info();
    let size = dataset.cameras().first().and_then(|camera| info.features.get(camera).cloned());
    let camera = match size.as_ref().map(|feature| feature.shape.as_slice()) {
        Some([height, width, _]) => format!("{width}x{height}@{}", info.fps),
        _ => String::new(),
    };
    let name = dataset.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let when = facts::date(meta.notes.started_unix_ns);
    let config = crate::camera::Config::default();
    StationInfo {
        robot: format!("episode {} of {name}  {when}", meta.index),
        camera,
        policy: (!meta.notes.policy.is_empty()).then(|| meta.notes.policy.clone()),
        tolerance: crate::eval::calibration::TOLERANCE,
        camera_height_m: config.height_m,
        camera_tilt: config.tilt_deg.to_radians(),
        camera_hfov: config.hfov_deg.to_radians(),
        ..StationInfo::default()
    }
}

/// Where the camera was: the configuration in force is in the journal.
fn geometry(records: &[Record], info: &mut StationInfo) {
    let Some(Record::Start(start)) = records.first() else { return };
    let Ok(config) = toml::from_str::<Config>(&start.config) else { return };
    info.camera_height_m = config.camera.height_m;
    info.camera_tilt = config.camera.tilt_deg.to_radians();
    info.camera_hfov = config.camera.hfov_deg.to_radians();
}

/// The value that has this name outside the program, as `soft_stop`; the default for others.
pub(super) fn named<T: DeserializeOwned + Default>(name: &str) -> T {
    T::deserialize(StrDeserializer::<Error>::new(name)).unwrap_or_default()
}

/// Where a column of vectors has the axes of a velocity.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    column: &'static str,
    places: [usize; 3],
    width: usize,
}

impl Axes {
    /// `None` where the column is no velocity of a base (m/s, m/s, rad/s).
    pub(super) fn of(info: &Info, column: &'static str) -> Option<Self> {
        let feature = info.features.get(column)?;
        let names = feature.names.as_array()?;
        let place = |name: &str| names.iter().position(|own| own.as_str() == Some(name));
        let places = [place("x.vel")?, place("y.vel")?, place("theta.vel")?];
        // LeKiwi has the same names among those of an arm, and turns in degrees.
        (names.len() == 3).then_some(Self { column, places, width: 3 })
    }

    /// Of a row; zero where there is none.
    pub(super) fn twist(&self, rows: &Table, row: usize) -> Twist {
        let values = rows.f32_lists(self.column).filter(|(width, _)| *width == self.width);
        let start = row * self.width;
        let values = values.and_then(|(width, values)| values.get(start..start + width));
        let [x, y, yaw] = self.places.map(|place| {
            values.and_then(|values| values.get(place)).map_or(0.0, |value| f64::from(*value))
        });
        let twist = Twist::new(x, y, yaw);
        if twist.is_finite() { twist } else { Twist::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::lerobot::{Feature, Features, Schema};
    use crate::dataset::table::Column;
    use crate::msg::Limiter;

    #[test]
    fn only_a_bases_velocity_is_one() {
        // An arm's joint angles would be sent to the wheels.
        let info = |names: &[&str]| {
            let features = Features(vec![("action".to_owned(), Feature::vector(names, ""))]);
            Info::new(&Schema { fps: 10, robot_type: String::new(), cameras: vec![], features })
        };
        let axes = Axes::of(&info(&["theta.vel", "x.vel", "y.vel"]), "action").unwrap();
        let mut rows = Table::new();
        let values = vec![0.3, 0.1, 0.2, 0.6, f32::NAN, 0.5];
        rows.push("action", Column::F32List { width: 3, values }).unwrap();
        let first = axes.twist(&rows, 0);
        assert!((first.linear_x - 0.1).abs() < 1e-6 && (first.angular_z - 0.3).abs() < 1e-6);
        assert_eq!(axes.twist(&rows, 1), Twist::ZERO);
        assert_eq!(axes.twist(&rows, 2), Twist::ZERO);
        assert!(Axes::of(&info(&["shoulder", "elbow", "wrist"]), "action").is_none());
        assert!(Axes::of(&info(&["gripper", "x.vel", "y.vel", "theta.vel"]), "action").is_none());
        assert!(Axes::of(&info(&[]), "state").is_none());
    }

    #[test]
    fn names_become_what_they_name() {
        // A replay would show another mode than was recorded.
        assert_eq!(named::<Mode>("soft_stop"), Mode::SoftStop);
        assert_eq!(named::<Limiter>("e_stop"), Limiter::EStop);
        assert_eq!(named::<Mode>("nonsense"), Mode::Standby);
    }

    #[test]
    fn takeovers_are_runs_of_override() {
        // The bar would show a takeover where there was none.
        let modes = ["autonomous", "override", "override", "autonomous", "override", "manual"];
        let mut rows = Table::new();
        rows.push("mode", Column::Text(modes.map(String::from).to_vec())).unwrap();
        assert_eq!(takeovers(&rows).as_ref(), [(1, 2), (4, 4)]);
        assert!(takeovers(&Table::new()).is_empty());
    }
}
