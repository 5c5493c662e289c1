//! Beacon's computation written a second time, pixel by pixel, from the description in
//! `policy::beacon`.

use pilothouse::policy::beacon::{HEIGHT, SLOTS, WIDTH};
use rand::RngExt;
use rand_pcg::Pcg64;

const FOCAL: f32 = 0.3501;

/// A noisy picture [3, HEIGHT, WIDTH] in 0..=1 with up to four coloured discs, most of them of
/// `channel`.
pub(crate) fn scene(rng: &mut Pcg64, channel: usize) -> Vec<f32> {
    let mut image: Vec<f32> = (0..3 * HEIGHT * WIDTH).map(|_| rng.random_range(0.3..0.5)).collect();
    for _ in 0..rng.random_range(0..4) {
        let (x0, y0) = (rng.random_range(0.0..WIDTH as f32), rng.random_range(30.0..HEIGHT as f32));
        let radius = rng.random_range(1.0..28.0_f32);
        let own = if rng.random_range(0.0..1.0) < 0.8 { channel } else { (channel + 1) % 3 };
        let (bright, dark) = (rng.random_range(0.5..1.0), rng.random_range(0.0..0.3));
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                if (x as f32 - x0).hypot(y as f32 - y0) < radius {
                    for part in 0..3 {
                        let level = if part == own { bright } else { dark };
                        image[(part * HEIGHT + y) * WIDTH + x] =
                            level + rng.random_range(0.0..0.05);
                    }
                }
            }
        }
    }
    image
}

/// A state as it may be met: nothing, or a target somewhere ahead.
pub(crate) fn memory(rng: &mut Pcg64) -> [f32; 4] {
    if rng.random_range(0.0..1.0) < 0.3 {
        return [0.0; 4];
    }
    let width = if rng.random_range(0.0..1.0) < 0.3 { 0.0 } else { rng.random_range(0.1..0.4) };
    [rng.random_range(-0.8..0.8), rng.random_range(0.3..3.0), rng.random_range(0.1..1.0), width]
}

/// Action [SLOTS, 2], confidence and next state, one after another.
pub(crate) fn beacon(
    image: &[f32],
    channel: usize,
    [heading0, distance0, trust0, width0]: [f32; 4],
) -> Vec<f32> {
    let solid = solid(image, channel);
    let crowd = window_mean(&solid, 7);
    let greatest = crowd.iter().copied().fold(0.0, f32::max) + 1e-6;
    let u0 = -FOCAL * heading0.tan();
    let weight = |at: usize| {
        let (u, _) = place(at);
        let favour = 1.0 + 30.0 * trust0 * (-(u - u0).powi(2) / (2.0 * 0.1 * 0.1)).exp();
        solid[at] * (crowd[at] / greatest).powi(12) * favour
    };
    let (u, v, _) = centre(weight);
    let near = |(u, v): (f32, f32), sigma: f32| {
        let solid = &solid;
        move |at: usize| {
            let (x, y) = place(at);
            solid[at] * (-((x - u).powi(2) + (y - v).powi(2)) / (2.0 * sigma * sigma)).exp()
        }
    };
    let (u, v, pixels) = centre(near((u, v), 0.2));
    let seen = 1.0 - (-pixels / 12.0).exp();

    let blob = near((u, v), 0.25);
    let is_blob: Vec<bool> = (0..HEIGHT * WIDTH).map(|at| blob(at) > 0.4).collect();
    let foot =
        (0..HEIGHT * WIDTH).filter(|at| is_blob[*at]).map(|at| place(at).1).fold(-1.0, f32::max);
    let filled = (0..WIDTH).filter(|x| (0..HEIGHT).any(|y| is_blob[y * WIDTH + x])).count();
    let share = filled as f32 / WIDTH as f32;
    let by_floor = 0.35 * FOCAL / foot.max(0.03);
    let (is_cut, is_known) = (foot > 0.36, width0 > 0.01);
    let distance = match (is_cut, is_known) {
        (true, true) => by_floor.min(FOCAL * width0 / share.max(0.01)),
        _ => by_floor,
    };
    let width_now = share * by_floor / FOCAL;
    let mut width = match (seen > 0.5 && !is_cut, is_known) {
        (true, true) => width0 + 0.3 * (width_now - width0),
        (true, false) => width_now,
        _ => width0,
    };
    let recall = 0.3 * trust0;
    let total = seen + recall + 1e-6;
    let mut heading = (seen * (-u / FOCAL).atan() + recall * heading0) / total;
    let mut distance = (seen * distance + recall * distance0) / total;
    let mut trust = seen.max(0.8 * trust0);
    if trust <= 0.05 {
        (trust, width) = (0.0, 0.0);
    }

    let drive = (1.25 - 2.0 * heading.abs()).clamp(0.0, 1.0)
        * (4.0 * seen - 0.8).clamp(0.0, 1.0)
        * (13.0 - 20.0 * share).clamp(0.0, 1.0);
    let speed = (1.2 * (distance - 0.31)).clamp(0.0, 0.35) * drive;
    let turn = |time: f32| {
        (1.5 * heading * (-1.5 * time).exp()).clamp(-0.8, 0.8) * (4.0 * trust).clamp(0.0, 1.0)
    };
    let mut answer = Vec::new();
    for slot in 0..SLOTS {
        let time = slot as f32 * 0.1;
        let left = distance - 0.31 - speed * time;
        answer.extend([(1.2 * left).clamp(0.0, 0.35) * drive, turn(time)]);
    }
    let first_turn = turn(0.0);
    (heading, distance) =
        if trust > 0.0 { (heading - 0.1 * first_turn, distance - 0.1 * speed) } else { (0.0, 0.0) };
    answer.extend([trust, heading, distance, trust, width]);
    answer
}

/// How much each pixel is of the colour `channel` and among its like.
fn solid(image: &[f32], channel: usize) -> Vec<f32> {
    let (from, to) = [(0.4, 0.6), (0.2, 0.4), (0.25, 0.45)][channel];
    let response: Vec<f32> = (0..HEIGHT * WIDTH)
        .map(|at| {
            let level = |part: usize| image[part * HEIGHT * WIDTH + at];
            let rest = (0..3).map(|part| if part == channel { 0.0 } else { level(part) });
            let rest = rest.fold(f32::MIN, f32::max);
            let share = (level(channel) - rest) / (level(channel) + 0.06);
            ((share - from) / (to - from)).clamp(0.0, 1.0)
        })
        .collect();
    let among = window_mean(&response, 2);
    response.iter().zip(&among).map(|(r, a)| r * ((a - 0.2) * 2.5).clamp(0.0, 1.0)).collect()
}

/// Position of a pixel in picture widths from the centre, right and down.
fn place(at: usize) -> (f32, f32) {
    let (x, y) = ((at % WIDTH) as f32 + 0.5, (at / WIDTH) as f32 + 0.5);
    (x / WIDTH as f32 - 0.5, (y - HEIGHT as f32 / 2.0) / WIDTH as f32)
}

/// Weighted mean position and the sum of the weights.
fn centre(weight: impl Fn(usize) -> f32) -> (f32, f32, f32) {
    let (mut u_sum, mut v_sum, mut sum) = (0.0_f64, 0.0_f64, 0.0_f64);
    for at in 0..HEIGHT * WIDTH {
        let ((u, v), weight) = (place(at), f64::from(weight(at)));
        u_sum += weight * f64::from(u);
        v_sum += weight * f64::from(v);
        sum += weight;
    }
    let total = sum + 1e-9;
    ((u_sum / total) as f32, (v_sum / total) as f32, sum as f32)
}

/// Mean over the square of `reach` pixels to each side; outside counts as zero.
fn window_mean(map: &[f32], reach: usize) -> Vec<f32> {
    let side = 2 * reach + 1;
    (0..HEIGHT * WIDTH)
        .map(|at| {
            let (x, y) = (at % WIDTH, at / WIDTH);
            let rows = y.saturating_sub(reach)..(y + reach + 1).min(HEIGHT);
            let columns = x.saturating_sub(reach)..(x + reach + 1).min(WIDTH);
            let sum: f32 =
                rows.flat_map(|y| columns.clone().map(move |x| map[y * WIDTH + x])).sum();
            sum / (side * side) as f32
        })
        .collect()
}
