use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use image::{Rgb, RgbImage};

use super::ScenarioArgs;
use crate::msg::Frame;
use crate::sim::{Pose, Renderer, Side, World, rollout};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    /// Seed of the first run; each further one takes the next.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Runs of each scenario, on alternating sides.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Pictures of each run, evenly spaced in time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=64))]
    columns: u32,
    /// Size of one picture.
    #[arg(long, default_value = "160x120", value_parser = size)]
    size: (u32, u32),
    /// File to write.
    #[arg(long, short, default_value = "sheet.png")]
    out: PathBuf,
}

/// Pixels between two pictures.
const GAP: u32 = 4;

/// Parses `160x120`.
pub(in crate::cli) fn size(text: &str) -> Result<(u32, u32), String> {
    let parse = |part: &str| part.parse::<u32>().ok().filter(|side| (16..=4096).contains(side));
    text.split_once('x')
        .and_then(|(width, height)| Some((parse(width)?, parse(height)?)))
        .ok_or_else(|| format!("{text:?} is not a size like 160x120, each side 16 to 4096"))
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let scenarios = args.scenarios.all()?;
    let runs: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| (0..args.runs).map(move |run| (scenario, run)))
        .zip(args.seed..)
        .collect();
    let (width, height) = args.size;
    let sheet_width = args.columns * (width + GAP) + GAP;
    let sheet_height = runs.len() as u32 * (height + GAP) + GAP;
    let mut sheet = RgbImage::from_pixel(sheet_width, sheet_height, Rgb([24, 24, 26]));
    for (row, ((scenario, run), seed)) in runs.into_iter().enumerate() {
        let world = World::generate(scenario, seed);
        let side = Side::BOTH[((seed + run) % 2) as usize];
        let mut poses = Vec::new();
        let result = rollout::expert(&world, side, |truth| poses.push(truth.pose));
        let top = GAP + row as u32 * (height + GAP);
        strip(&world, &poses, args, top, &mut sheet)?;
        writeln!(
            out,
            "row {row}: {} seed {seed}, {} side, {} cup: {:?}, {:.1} s",
            scenario.name,
            side.name(),
            world.target.color.name(),
            result.outcome,
            result.time.as_secs_f64()
        )?;
    }
    sheet
        .save_with_format(&args.out, image::ImageFormat::Png)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    writeln!(out, "{}: {sheet_width}x{sheet_height}", args.out.display())?;
    Ok(())
}

/// Draws one run into one row of the sheet.
fn strip(
    world: &World,
    poses: &[Pose],
    args: &Args,
    top: u32,
    sheet: &mut RgbImage,
) -> anyhow::Result<()> {
    let (width, height) = args.size;
    let mut renderer = Renderer::new(world);
    let mut frame = Frame::default();
    frame.resize(width, height);
    for column in 0..args.columns {
        let at = column as usize * poses.len().saturating_sub(1) / (args.columns as usize - 1);
        let pose = poses.get(at).copied().unwrap_or(world.start);
        renderer.render(pose, u64::from(column), &mut frame);
        let picture = RgbImage::from_raw(width, height, frame.rgb.clone())
            .context("a picture of another size than was asked for")?;
        let left = GAP + column * (width + GAP);
        image::imageops::replace(sheet, &picture, i64::from(left), i64::from(top));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        // If this failed, a typing error would become a sheet of another size, or a huge one.
        assert_eq!(size("160x120"), Ok((160, 120)));
        for bad in ["160", "0x10", "160x", "-1x5", "99999x10", "160x120x3"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
