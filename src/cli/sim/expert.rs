use std::io::Write;
use std::time::Duration;

use super::ScenarioArgs;
use crate::sim::expert::CLEARANCE_M;
use crate::sim::rollout::Run;
use crate::sim::task::Outcome;
use crate::sim::{Expert, Scenario, Side, World, rollout};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    /// How many seeds; each is posed in the next scenario, with both sides.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// Pose every seed in every scenario instead.
    #[arg(long)]
    every: bool,
}

#[derive(Debug)]
struct Tally {
    runs: u32,
    solved: u32,
    /// Solved, but nearer to a box than the expert promises.
    close: u32,
    total: Duration,
    longest: Duration,
    clearance_m: f64,
    /// Time over that of the same way at top speed without a stop; sum and largest.
    factor_sum: f64,
    factor_max: f64,
}

impl Tally {
    const fn new() -> Self {
        Self {
            runs: 0,
            solved: 0,
            close: 0,
            total: Duration::ZERO,
            longest: Duration::ZERO,
            clearance_m: f64::INFINITY,
            factor_sum: 0.0,
            factor_max: 0.0,
        }
    }

    fn add(&mut self, run: &Run, speed_mps: f64) {
        self.runs += 1;
        if let Outcome::Success(time) = run.outcome {
            let factor = time.as_secs_f64() * speed_mps / run.travelled_m;
            self.solved += 1;
            self.total += time;
            self.longest = self.longest.max(time);
            self.factor_sum += factor;
            self.factor_max = self.factor_max.max(factor);
            self.clearance_m = self.clearance_m.min(run.clearance_m);
            self.close += u32::from(run.clearance_m < CLEARANCE_M);
        }
    }

    fn line(&self, name: &str) -> String {
        let solved = f64::from(self.solved.max(1));
        format!(
            "{name:<24} {:>5}/{:<5} {:>6.2} % {:>6.1} s mean {:>5.1} s longest  \
             x{:.2} mean x{:.2} most  {} m nearest, {} under {CLEARANCE_M} m",
            self.solved,
            self.runs,
            100.0 * f64::from(self.solved) / f64::from(self.runs.max(1)),
            self.total.as_secs_f64() / solved,
            self.longest.as_secs_f64(),
            self.factor_sum / solved,
            self.factor_max,
            if self.clearance_m.is_finite() {
                format!("{:.3}", self.clearance_m)
            } else {
                "-".into()
            },
            self.close,
        )
    }
}

/// Prints every failure with its seed and reason, one line a scenario, and the total.
pub(super) fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let scenarios = args.scenarios.all()?;
    let mut tallies: Vec<Tally> = scenarios.iter().map(|_| Tally::new()).collect();
    let mut total = Tally::new();
    let count = scenarios.len() as u64;
    for seed in 0..args.seeds {
        let posed = scenarios.iter().zip(&mut tallies).enumerate();
        for (_, (scenario, tally)) in
            posed.filter(|(idx, _)| args.every || seed % count == *idx as u64)
        {
            for (side, run) in both_sides(scenario, seed) {
                tally.add(&run, Expert::new(side).speed_mps);
                total.add(&run, Expert::new(side).speed_mps);
                if !matches!(run.outcome, Outcome::Success(_)) {
                    let name = &scenario.name;
                    writeln!(out, "failed: {name} seed {seed} {}: {:?}", side.name(), run.outcome)?;
                }
            }
        }
    }
    writeln!(
        out,
        "time factor: time over that of the same way at full speed, a second of standing included"
    )?;
    for (scenario, tally) in scenarios.iter().zip(&tallies) {
        writeln!(out, "{}", tally.line(&scenario.name))?;
    }
    writeln!(out, "{}", total.line("all"))?;
    Ok(())
}

fn both_sides(scenario: &Scenario, seed: u64) -> [(Side, Run); 2] {
    let world = World::generate(scenario, seed);
    Side::BOTH.map(|side| (side, rollout::expert(&world, side, |_| {})))
}
