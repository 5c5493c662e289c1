use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::train::examples::tests::{SPEC, clip};
use crate::train::examples::{Clip, ExamplesWriter};
use crate::train::tokenizer::tokenizer_json;

const SHAPE: BatchShape = BatchShape { lanes: 3, steps: 4, tokens: 24 };

fn tokens() -> Tokens {
    let corpus = language::texts(|template| !template.is_held_out());
    Tokens::new(&tokenizer_json(corpus.iter().map(String::as_str)).unwrap(), SHAPE.tokens).unwrap()
}

fn examples(folder: &Path, clips: &[Clip]) -> Arc<Examples> {
    let path = folder.join(format!("{}.examples", clips[0].origin));
    let mut writer = ExamplesWriter::create(&path, &SPEC).unwrap();
    for clip in clips {
        writer.push(clip).unwrap();
    }
    writer.finish().unwrap();
    Arc::new(Examples::open(&[path]).unwrap())
}

/// Clips of 3, 6, 9... steps, of seed 1, 2, 3...
fn clips(n: u8) -> Vec<Clip> {
    (1..=n).map(|seed| clip(seed, usize::from(seed) * 3, &SPEC)).collect()
}

fn sampler(sources: Vec<Source>, options: SamplerOptions) -> Sampler {
    Sampler::new(sources, SHAPE, options, &tokens()).unwrap()
}

fn one(examples: &Arc<Examples>) -> Vec<Source> {
    vec![Source { examples: Arc::clone(examples), weight: 1.0 }]
}

const PLAIN: SamplerOptions = SamplerOptions {
    seed: 5,
    augment: AugmentConfig::NONE,
    balance: 0.0,
    rephrase: 0.0,
    threads: 1,
};

fn batch(sampler: &Sampler, step: u64) -> Batch {
    let mut batch = Batch::default();
    sampler.batch(step, &mut batch).unwrap();
    batch
}

/// Seed and step of the clip that a picture of a batch is of, from its bytes.
fn source_of(batch: &Batch, step: usize, lane: usize) -> (usize, usize) {
    let length = SPEC.picture_len();
    let at = (step * SHAPE.lanes + lane) * length;
    let level = usize::from(batch.pictures[at]);
    assert!(batch.pictures[at..at + length].iter().all(|byte| usize::from(*byte) == level));
    (level / 16, level % 16)
}

#[test]
fn a_batch_is_a_function_of_seed_and_step() {
    // A training that was resumed would go another way, and two would not be comparable.
    let folder = tempfile::tempdir().unwrap();
    let examples = examples(folder.path(), &clips(5));
    let options = SamplerOptions { seed: 5, ..SamplerOptions::default() };
    let first = sampler(one(&examples), options);
    let threaded = sampler(one(&examples), SamplerOptions { threads: 3, ..options });
    let other = sampler(one(&examples), SamplerOptions { seed: 6, ..options });
    let mut used = batch(&first, 9);
    for step in [0, 1, 7, u64::MAX] {
        let fresh = batch(&first, step);
        first.batch(step, &mut used).unwrap();
        assert_eq!(used, fresh, "whatever the memory held before");
        assert_eq!(batch(&threaded, step), fresh);
        assert_ne!(batch(&other, step), fresh);
        assert_ne!(batch(&first, step.wrapping_add(1)), fresh);
    }
    assert_eq!(used.pictures.len(), 4 * 3 * SPEC.picture_len());
    assert_eq!((used.tokens.len(), used.targets.len()), (3 * 24, 4 * 3 * 2 * 3));
    assert_eq!((used.weights.len(), used.starts.len()), (4 * 3 * 2, 3));
}

#[test]
fn prefetched_batches_are_the_same_in_the_same_order() {
    // What is learnt would depend on how fast the disk is.
    let folder = tempfile::tempdir().unwrap();
    let sampler = sampler(one(&examples(folder.path(), &clips(4))), SamplerOptions::default());
    sampler.prefetch(3..9, 2, |prefetch| {
        for step in 3..9 {
            let found = prefetch.next().unwrap();
            assert_eq!(found, batch(&sampler, step));
            prefetch.give_back(found);
        }
        assert!(prefetch.next().is_err());
    });
    let early = sampler.prefetch(0..u64::MAX, 2, |prefetch| prefetch.next().is_ok());
    assert!(early, "leaving early ends the thread");
}

#[test]
fn pictures_commands_and_words_belong_together() {
    // The policy would learn other commands than its pictures ask for.
    let folder = tempfile::tempdir().unwrap();
    let (clips, tokens) = (clips(5), tokens());
    let sampler = sampler(one(&examples(folder.path(), &clips)), PLAIN);
    for step in 0..50 {
        let batch = batch(&sampler, step);
        for lane in 0..SHAPE.lanes {
            let (seed, start) = source_of(&batch, 0, lane);
            let clip = &clips[seed - 1];
            assert_eq!(batch.starts[lane], start);
            let words = &batch.tokens[lane * SHAPE.tokens..(lane + 1) * SHAPE.tokens];
            assert_eq!(words, tokens.encode(&clip.instruction).unwrap());
            for t in 0..SHAPE.steps {
                let is_over = start + t >= clip.pictures.len();
                let own = (start + t).min(clip.pictures.len() - 1);
                assert_eq!(source_of(&batch, t, lane), (seed, own));
                for slot in 0..SPEC.slots {
                    let at = (t * SHAPE.lanes + lane) * SPEC.slots + slot;
                    let i = (start + t) * SPEC.slots + slot;
                    let (target, weight) =
                        if is_over { ([0.0; 3], 0.0) } else { (clip.targets[i], clip.weights[i]) };
                    assert_eq!(batch.targets[at * 3..][..3], target);
                    assert!((batch.weights[at] - weight).abs() < 1e-9);
                }
            }
        }
    }
}

#[test]
fn a_mirrored_window_has_mirrored_commands_and_words() {
    // Left would be learnt as right in half of the windows.
    let folder = tempfile::tempdir().unwrap();
    let (clips, tokens) = (clips(5), tokens());
    let augment = AugmentConfig { mirror: 1.0, ..AugmentConfig::NONE };
    let sampler =
        sampler(one(&examples(folder.path(), &clips)), SamplerOptions { augment, ..PLAIN });
    let mut n_mirrored = 0;
    for step in 0..50 {
        let batch = batch(&sampler, step);
        for lane in 0..SHAPE.lanes {
            let (seed, start) = source_of(&batch, 0, lane);
            let clip = &clips[seed - 1];
            let [x, y, yaw] = clip.targets[start * SPEC.slots];
            let words = &batch.tokens[lane * SHAPE.tokens..(lane + 1) * SHAPE.tokens];
            let found = &batch.targets[lane * SPEC.slots * 3..][..3];
            if clip.is_mirrorable {
                n_mirrored += 1;
                assert_eq!(found, [x, -y, -yaw]);
                let mirrored = language::mirror(&clip.instruction);
                assert_eq!(words, tokens.encode(&mirrored).unwrap());
            } else {
                assert_eq!(found, [x, y, yaw]);
                assert_eq!(words, tokens.encode(&clip.instruction).unwrap());
            }
        }
    }
    assert!((1..150).contains(&n_mirrored), "{n_mirrored}");
}

#[test]
fn other_words_mean_the_same_mirrored_or_not() {
    // A window to pass on the left would be learnt with words for the right.
    let folder = tempfile::tempdir().unwrap();
    let instruction = "keep the box on your left and go to the cup".to_owned();
    let clip = Clip { instruction: instruction.clone(), ..clip(1, 9, &SPEC) };
    let augment = AugmentConfig { mirror: 0.5, ..AugmentConfig::NONE };
    let options = SamplerOptions { augment, rephrase: 0.8, ..PLAIN };
    let sampler = sampler(one(&examples(folder.path(), &[clip])), options);
    let tokens = tokens();
    let encoded = |texts: Vec<String>| -> BTreeSet<Vec<i64>> {
        texts.iter().map(|text| tokens.encode(text).unwrap()).collect()
    };
    let right = encoded(language::phrasings(&instruction));
    let left = encoded(language::phrasings(&language::mirror(&instruction)));
    let mut seen = BTreeSet::new();
    for step in 0..200 {
        let batch = batch(&sampler, step);
        for lane in 0..SHAPE.lanes {
            let words = batch.tokens[lane * SHAPE.tokens..(lane + 1) * SHAPE.tokens].to_vec();
            let is_mirrored = batch.targets[lane * SPEC.slots * 3 + 2] < 0.0;
            let fitting = if is_mirrored { &left } else { &right };
            assert!(fitting.contains(&words), "mirrored: {is_mirrored}");
            seen.insert(words);
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

#[test]
fn steps_are_drawn_by_weight_and_only_where_something_is_learnt() {
    // Interventions would drown among demonstrations, or time go into what teaches nothing.
    let folder = tempfile::tempdir().unwrap();
    let silent = Clip { weights: vec![0.0; 12], ..clip(3, 6, &SPEC) };
    let many = examples(folder.path(), &[clip(1, 12, &SPEC), silent]);
    let few = examples(folder.path(), &[clip(2, 3, &SPEC)]);
    let sources =
        vec![Source { examples: many, weight: 1.0 }, Source { examples: few, weight: 4.0 }];
    let sampler = sampler(sources, PLAIN);
    let mut counts = [0_u32; 4];
    for step in 0..600 {
        let batch = batch(&sampler, step);
        (0..SHAPE.lanes).for_each(|lane| counts[source_of(&batch, 0, lane).0] += 1);
    }
    // 12 steps of weight 1 and 3 of weight 4.
    assert!((800..1000).contains(&counts[1]) && counts[1] + counts[2] == 1800, "{counts:?}");
}

#[test]
fn balance_makes_rare_commands_as_likely_as_common_ones() {
    // Driving ahead is most of every drive; turning and stopping would hardly be learnt.
    let folder = tempfile::tempdir().unwrap();
    let drive = |seed, n: usize, twist: [f32; 3]| Clip {
        targets: vec![twist; n * SPEC.slots],
        weights: vec![1.0; n * SPEC.slots],
        ..clip(seed, n, &SPEC)
    };
    let ahead = [0.5, 0.01, 0.0];
    let all = [drive(1, 15, ahead), drive(2, 15, ahead), drive(3, 3, [0.0, 0.0, 0.5])];
    let examples = examples(folder.path(), &all);
    let share = |balance| {
        let sampler = sampler(one(&examples), SamplerOptions { balance, ..PLAIN });
        let turning: usize = (0..300)
            .map(|step| {
                let batch = batch(&sampler, step);
                (0..SHAPE.lanes).filter(|lane| source_of(&batch, 0, *lane).0 == 3).count()
            })
            .sum();
        turning as f64 / 900.0
    };
    assert!((share(0.0) - 3.0 / 33.0).abs() < 0.03, "{}", share(0.0));
    assert!((share(1.0) - 0.5).abs() < 0.05, "{}", share(1.0));
}

#[test]
fn validation_sees_every_step_once_as_it_is() {
    // The score would be of some steps only, or move with the random numbers.
    let folder = tempfile::tempdir().unwrap();
    let examples = examples(folder.path(), &clips(5));
    let validation = Validation::new(&examples, SHAPE, 1, &tokens()).unwrap();
    // 1, 2, 3, 3 and 4 windows.
    assert_eq!(validation.n_batches(), 5);
    let mut seen = Vec::new();
    let mut weight = 0.0;
    for number in 0..validation.n_batches() {
        let mut batch = Batch::default();
        validation.batch(number, &mut batch).unwrap();
        weight += batch.weights.iter().sum::<f32>();
        for lane in 0..SHAPE.lanes {
            let is_spare = number == 4 && lane > 0;
            let steps = (0..SHAPE.steps).map(|t| source_of(&batch, t, lane));
            seen.extend(steps.filter(|_| !is_spare));
        }
    }
    let expected: f32 = clips(5).iter().flat_map(|clip| clip.weights.clone()).sum();
    assert!((weight - expected).abs() < 1e-3, "{weight} {expected}");
    seen.dedup();
    let each = (1..=5).flat_map(|seed| (0..seed * 3).map(move |step| (seed, step)));
    assert_eq!(seen, each.collect::<Vec<_>>());
    assert!(validation.batch(5, &mut Batch::default()).is_err());
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    // A training would run for hours on nothing.
    let folder = tempfile::tempdir().unwrap();
    let silent = Clip { weights: vec![0.0; 12], ..clip(3, 6, &SPEC) };
    let wordy = Clip { instruction: "go ".repeat(99), ..clip(2, 6, &SPEC) };
    for clip in [silent, wordy] {
        let sources = one(&examples(folder.path(), &[clip]));
        assert!(Sampler::new(sources, SHAPE, PLAIN, &tokens()).is_err());
    }
    assert!(Sampler::new(Vec::new(), SHAPE, PLAIN, &tokens()).is_err());
    let some = examples(folder.path(), &clips(2));
    let empty = BatchShape { lanes: 0, ..SHAPE };
    assert!(Sampler::new(one(&some), empty, PLAIN, &tokens()).is_err());
}
