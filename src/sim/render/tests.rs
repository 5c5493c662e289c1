use super::*;
use crate::sim::Scenario;
use crate::sim::world::TargetColor;

fn quiet(name: &str, seed: u64) -> World {
    let mut world = World::generate(&Scenario::embedded(name).unwrap(), seed);
    world.look.noise = 0.0;
    world
}

fn picture(world: &World, pose: Pose, number: u64, (width, height): (u32, u32)) -> Frame {
    let mut frame = Frame::default();
    frame.resize(width, height);
    Renderer::new(world).render(pose, number, &mut frame);
    frame
}

/// Columns and rows of the pixels that are strongly of the target's colour.
fn colored(frame: &Frame, color: TargetColor) -> Vec<(f32, f32)> {
    let main = color as usize;
    let strong = |rgb: &[u8]| {
        let others =
            (0..3).filter(|idx| *idx != main).map(|idx| u32::from(rgb[idx])).max().unwrap();
        u32::from(rgb[main]) > 40 && u32::from(rgb[main]) * 10 > others * 16
    };
    let places = frame.rgb.chunks_exact(3).enumerate().filter(|(_, rgb)| strong(rgb));
    places
        .map(|(idx, _)| {
            ((idx as u32 % frame.width) as f32 + 0.5, (idx as u32 / frame.width) as f32 + 0.5)
        })
        .collect()
}

#[test]
fn rays_and_projection_are_inverse() {
    // If this failed, what is drawn into the picture (the planned path) would not lie on the
    // picture's floor.
    let mount = Mount { height_m: 0.35, tilt: 0.04, hfov: 1.9 };
    let view = View::new(&mount, Pose { x: 0.3, y: -0.2, yaw: 0.7 }, 320, 240);
    for (column, row) in [(3.5, 200.5), (160.0, 120.0), (300.0, 40.5)] {
        let point = view.eye + (view.row(row) + view.right * view.across(column)) * 2.0;
        let (c, r, depth) = view.project(point.x.into(), point.y.into(), point.z.into()).unwrap();
        assert!((c - column).abs() < 0.01 && (r - row).abs() < 0.01 && (depth - 2.0).abs() < 1e-4);
    }
    let ahead = Pose { x: 1.3, y: 0.0, yaw: 0.0 };
    assert_eq!(
        View::new(&mount, ahead, 320, 240).project(0.0, 0.0, 0.0),
        None,
        "behind the camera"
    );
}

#[test]
fn parallel_lines_meet_in_one_point() {
    // If this failed, the perspective would be bent and distances misleading.
    let mount = Mount { height_m: 0.35, tilt: 0.05, hfov: 1.9 };
    let view = View::new(&mount, Pose::default(), 320, 240);
    let far = |y: f64| view.project(1.0e5, y, 0.0).unwrap();
    let (left, right) = (far(3.0), far(-3.0));
    assert!((left.0 - right.0).abs() < 0.1 && (left.1 - right.1).abs() < 0.1);
    let horizon = 120.0 - 0.05_f32.tan() / view.pixel;
    assert!((left.1 - horizon).abs() < 0.1, "horizon {} instead of {horizon}", left.1);
}

#[test]
fn the_target_is_where_geometry_says_and_as_wide() {
    // If this failed, no policy could learn distances from these pictures.
    for seed in 0..6 {
        let world = quiet("open", seed);
        let target = world.target;
        let pose = Pose { x: target.x - 1.0, y: 0.1, yaw: -0.1 };
        let size = (320, 240);
        let view = View::new(&world.mount, pose, size.0, size.1);
        let pixels = colored(&picture(&world, pose, 0, size), target.color);
        let (column, top, depth) = view.project(target.x, target.y, target.height).unwrap();
        let (_, foot, _) = view.project(target.x, target.y, 0.0).unwrap();
        let reach = target.radius as f32 / (depth * view.pixel);
        let within = |(x, y): (f32, f32)| {
            (x - column).abs() < 1.9 * reach + 3.0
                && (top - 0.4 * reach - 3.0..foot + 8.0).contains(&y)
        };
        let here = pixels.iter().filter(|place| within(**place)).count();
        assert_eq!(here, pixels.len(), "seed {seed}: something else is {:?}", target.color);
        // At half height there is nothing beside the coat but the handle on one side.
        let row = (0.35 * top + 0.65 * foot).floor() + 0.5;
        let line: Vec<f32> =
            pixels.iter().filter(|p| (p.1 - row).abs() < 0.1).map(|p| p.0).collect();
        let half_width = 0.93 * reach;
        for edge in [column - 0.8 * half_width, column + 0.8 * half_width] {
            assert!(line.iter().any(|x| (x - edge).abs() < 1.0), "seed {seed}: no paint at {edge}");
        }
    }
}

#[test]
fn the_target_shows_over_the_boxes_from_every_start() {
    // If this failed, the task would be to guess where the cup is.
    for (idx, scenario) in Scenario::all().unwrap().iter().enumerate() {
        for seed in 0..2 {
            let world = quiet(&scenario.name, seed * 31 + idx as u64);
            let pixels = colored(&picture(&world, world.start, 0, (320, 240)), world.target.color);
            assert!(pixels.len() >= 25, "{} {seed}: {} pixels", scenario.name, pixels.len());
        }
    }
}

#[test]
fn no_pixel_is_left_unpainted_anywhere() {
    // If this failed, pictures would have holes, most likely in corners and near walls.
    for (seed, name) in [(1, "two-crosswise-close"), (2, "one-lengthwise-far"), (5, "open")] {
        let world = quiet(name, seed);
        let mut renderer = Renderer::new(&world);
        let mut frame = Frame::default();
        frame.resize(80, 60);
        for step in 0..24 {
            let yaw = f64::from(step) * std::f64::consts::TAU / 24.0;
            let pose = Pose { x: 0.2, y: world.room.y_max - 0.2, yaw };
            renderer.render(pose, 0, &mut frame);
            let dark = frame.rgb.chunks_exact(3).filter(|rgb| rgb.iter().all(|v| *v < 4)).count();
            assert_eq!(dark, 0, "{name} at yaw {yaw}");
        }
    }
}

#[test]
fn same_picture_bit_for_bit_and_noise_that_moves() {
    // If this failed, an evaluation by pictures could not be repeated, or a frozen camera could not
    // be told from a live one.
    let world = World::generate(&Scenario::embedded("one-crosswise-medium").unwrap(), 9);
    let size = (96, 72);
    let first = picture(&world, world.start, 4, size);
    assert_eq!(first, picture(&world, world.start, 4, size));
    let next = picture(&world, world.start, 5, size);
    assert_ne!(first.rgb, next.rgb);
    let change =
        first.rgb.iter().zip(&next.rgb).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>();
    assert!(f64::from(change) / (first.rgb.len() as f64) < 5.0, "noise drowns the picture");
}

#[test]
fn odd_sizes_are_drawn() {
    // If this failed, a preview of unusual size would end the program.
    let world = quiet("open", 3);
    for size in [(1, 1), (0, 0), (3, 200), (641, 2)] {
        let frame = picture(&world, world.start, 0, size);
        assert_eq!(frame.rgb.len(), size.0 as usize * size.1 as usize * 3);
    }
}
