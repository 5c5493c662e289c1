//! From a file in the study's layout to an episode of a dataset.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::study::Study;
use super::swap_red_and_blue;
use crate::dataset::DatasetError;
use crate::dataset::exchange::{ImportOptions, Imported};
use crate::dataset::lerobot::{
    CameraSpec, Dataset, EpisodeNotes, FeatureStats, Histograms, NewEpisode, Schema, Store,
    sampled_frames,
};
use crate::dataset::table::{Column, Table};
use crate::dataset::video::{self, Encoder, FragmentWriter, Unit, VideoFile};

/// Frames a group, as the recorder's.
const GOP: u32 = 5;
/// Finer than the recorder's: these pictures are all there will ever be.
const QP: u8 = 18;
/// Where the video is made; a change to the dataset needs it on the dataset's own disk.
const STAGING: &str = ".import";

/// Adds the file at `path` to the dataset at `root`, which is made where there is none. A file that
/// is already in it (by its recording's name) is left out.
///
/// # Errors
/// The file is not in the layout; something that the file does not say is in no option either; the
/// dataset holds other pictures or cannot be written.
pub fn import(root: &Path, path: &Path, options: &ImportOptions) -> Result<Imported, DatasetError> {
    let study = Study::open(path)?;
    let facts = Facts::of(&study, path, options)?;
    // First of all: a dataset that this file cannot go into would be made for nothing.
    let encoder = Encoder::new(study.width, study.height, facts.fps, GOP, QP)?;
    let schema = schema(root, &study, facts.fps)?;
    let mut store = Store::create_or_open(root, &schema)?;
    if let Some(episode) = store.find(&facts.recording) {
        return Ok(Imported { episode, is_new: false, n_rows: study.n_rows, assumed: Vec::new() });
    }
    let staging = root.join(STAGING);
    if staging.exists() {
        fs::remove_dir_all(&staging).map_err(DatasetError::io("remove", &staging))?;
    }
    fs::create_dir_all(&staging).map_err(DatasetError::io("create", &staging))?;
    let appended = append(&mut store, &study, &facts, encoder, &staging);
    let removed = fs::remove_dir_all(&staging).map_err(DatasetError::io("remove", &staging));
    let episode = appended?;
    removed?;
    Ok(Imported { episode, is_new: true, n_rows: study.n_rows, assumed: facts.assumed })
}

/// What is true of the whole file: what it says, or what the options say.
struct Facts {
    fps: u32,
    tasks: Vec<String>,
    recording: String,
    started_unix_ns: i64,
    scale: f64,
    is_rgb: bool,
    tags: Vec<String>,
    assumed: Vec<String>,
}

impl Facts {
    fn of(study: &Study, path: &Path, options: &ImportOptions) -> Result<Self, DatasetError> {
        let own = |fps: i64| u32::try_from(fps).ok().filter(|fps| *fps > 0);
        let fps = options.fps.or_else(|| study.integer("fps").and_then(own));
        let tasks = match (&options.task, study.instructions.as_slice()) {
            (Some(task), _) => vec![task.clone(); study.n_rows],
            (None, [one]) => vec![one.clone(); study.n_rows],
            (None, each) => each.to_vec(),
        };
        let mut missing = Vec::new();
        if fps.is_none() {
            missing.push("rows a second: --fps 3");
        }
        if tasks.len() != study.n_rows || tasks.iter().any(|task| task.trim().is_empty()) {
            missing.push("the instruction: --task \"go to the cup\"");
        }
        if !options.action_scale.is_finite() || options.action_scale == 0.0 {
            missing.push("metres a second for an action of 1.0: --action-scale 1.0");
        }
        let (Some(fps), []) = (fps, missing.as_slice()) else {
            let text = format!(
                "{} does not say everything; add what is right of these examples: {}",
                path.display(),
                missing.join(", ")
            );
            return Err(DatasetError::Refused(text));
        };
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = study.text("recording").or_else(|| study.text("episode_name"));
        let begins_still =
            study.actions.first().is_some_and(|action| action.iter().all(|value| *value == 0.0));
        let is_study = study.text("recording").is_none();
        let mut tags = vec!["imported".to_owned()];
        if is_study && begins_still {
            tags.push("study-first-frame".to_owned());
        }
        Ok(Self {
            fps,
            tasks,
            recording: name.map_or_else(|| stem.unwrap_or_default(), str::to_owned),
            started_unix_ns: study.integer("started_unix_ns").unwrap_or(0),
            scale: options.action_scale,
            is_rgb: options.rgb,
            tags,
            assumed: assumed(fps, options),
        })
    }
}

/// What nothing in the file vouches for.
fn assumed(fps: u32, options: &ImportOptions) -> Vec<String> {
    let mut assumed = Vec::new();
    if options.fps.is_some() {
        assumed.push(format!("fps {fps}"));
    }
    assumed.push(if options.rgb { "RGB" } else { "BGR" }.to_owned());
    assumed.push(format!("scale {:?}", options.action_scale));
    if options.task.is_some() {
        assumed.push("task as told".to_owned());
    }
    assumed.push("the operator drove".to_owned());
    assumed.push("capture times on the grid of the rate".to_owned());
    assumed.push("no velocity was measured: observation.state is zeros".to_owned());
    assumed
}

/// What the dataset at `root` has, or what one of recordings would have.
fn schema(root: &Path, study: &Study, fps: u32) -> Result<Schema, DatasetError> {
    let mut robot_type = "unknown".to_owned();
    let mut key = "observation.images.front".to_owned();
    if root.join("meta/info.json").exists() {
        let dataset = Dataset::open(root)?;
        robot_type = dataset.info().robot_type.clone().unwrap_or_default();
        if let [only] = dataset.cameras().as_slice() {
            key.clone_from(only);
        }
    }
    let cameras = vec![CameraSpec { key, width: study.width, height: study.height }];
    Ok(Schema::drive(fps, &robot_type, cameras))
}

fn append(
    store: &mut Store,
    study: &Study,
    facts: &Facts,
    encoder: Encoder,
    staging: &Path,
) -> Result<usize, DatasetError> {
    let camera = store.info().features.cameras().into_iter().next().unwrap_or_default();
    let (video, histograms) = encode(study, facts, encoder, staging)?;
    let stats = FeatureStats::of_pictures(&histograms);
    store.append(NewEpisode {
        table: table(study, facts)?,
        tasks: facts.tasks.clone(),
        videos: BTreeMap::from([(camera.clone(), video)]),
        ticks: None,
        picture_stats: BTreeMap::from([(camera, stats)]),
        notes: EpisodeNotes {
            tags: facts.tags.clone(),
            operator_note: format!("assumed: {}", facts.assumed.join("; ")),
            station: format!("pilothouse {}, import of HDF5", env!("CARGO_PKG_VERSION")),
            recording: facts.recording.clone(),
            started_unix_ns: facts.started_unix_ns,
            ..EpisodeNotes::default()
        },
    })
}

/// The pictures as a video in `staging`, and how often each channel has each value.
fn encode(
    study: &Study,
    facts: &Facts,
    mut encoder: Encoder,
    staging: &Path,
) -> Result<(PathBuf, Histograms), DatasetError> {
    let journal = staging.join("fragments.mp4");
    let mut writer = FragmentWriter::create(&journal, facts.fps, encoder.parameters())?;
    let mut histograms = Histograms::default();
    let sampled = sampled_frames(study.n_rows);
    let mut group: Vec<Unit> = Vec::new();
    let mut rgb = Vec::new();
    study.pictures(|row, picture| {
        rgb.clear();
        rgb.extend_from_slice(picture);
        if !facts.is_rgb {
            swap_red_and_blue(&mut rgb);
        }
        if sampled.binary_search(&row).is_ok() {
            histograms.add(&rgb, study.width as usize);
        }
        let unit = encoder.encode(&rgb, false)?;
        if unit.is_key && !group.is_empty() {
            writer.append(&group)?;
            group.clear();
        }
        group.push(unit);
        Ok(())
    })?;
    writer.append(&group)?;
    drop(writer);
    let mut fragments = VideoFile::open(&journal)?;
    let whole = staging.join("video.mp4");
    video::remux(&mut [(&mut fragments, 0..study.n_rows)], facts.fps, &whole)?;
    Ok((whole, histograms))
}

/// The columns of [`Schema::drive`], as far as the file fills them.
fn table(study: &Study, facts: &Facts) -> Result<Table, DatasetError> {
    let n = study.n_rows;
    let zeros = || Column::F32List { width: 3, values: vec![0.0; n * 3] };
    let driven = || {
        let scaled = |value: &f64| (value * facts.scale) as f32;
        Column::F32List { width: 3, values: study.actions.iter().flatten().map(scaled).collect() }
    };
    let flag = |value| Column::Bool(vec![value; n]);
    let text = |text: &str| Column::Text(vec![text.to_owned(); n]);
    let zero = || Column::F32(vec![0.0; n]);
    let times = || {
        let ns = |i: u64| (i * 1_000_000_000 / u64::from(facts.fps)).cast_signed();
        Column::I64((0..n as u64).map(ns).collect())
    };
    let columns = [
        ("observation.state", zeros()),
        ("action", driven()),
        ("policy_action", zeros()),
        ("policy_action_valid", flag(false)),
        ("operator_action", driven()),
        ("operator_action_valid", flag(true)),
        ("intervention", flag(false)),
        ("mode", text("manual")),
        ("authority", text("operator")),
        ("limiter", text("none")),
        ("confidence", zero()),
        ("battery", zero()),
        ("frame_age_s", zero()),
        ("frame_repeated", flag(false)),
        ("capture_time_ns", times()),
        ("tick_time_ns", times()),
    ];
    let mut table = Table::default();
    for (name, column) in columns {
        table.push(name, column)?;
    }
    Ok(table)
}
