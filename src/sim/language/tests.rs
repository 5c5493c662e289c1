use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64;

use super::*;

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase)
}

#[test]
fn there_are_enough_templates_of_each_kind() {
    // The grammar would be too small to learn words from, or to examine with.
    let with_side: Vec<_> = templates().iter().filter(|template| template.has_side()).collect();
    assert!(with_side.len() >= 140, "{}", with_side.len());
    let held: Vec<_> = with_side.iter().filter(|template| template.is_held_out()).collect();
    assert!(held.len() >= 30, "{}", held.len());
    let mut counts: BTreeMap<(Language, Form), [usize; 2]> = BTreeMap::new();
    for template in templates() {
        let count = counts.entry((template.language(), template.form())).or_default();
        count[usize::from(template.is_held_out())] += 1;
    }
    assert_eq!(counts.len(), 13);
    for (kind, [training, held]) in counts {
        assert_eq!(training, 3 * held, "{kind:?}: a quarter of each form is held out");
        assert!(held >= 3, "{kind:?}");
    }
}

#[test]
fn every_template_is_well_formed_and_its_own() {
    // A bracket would be spoken to the robot, or one sentence be learnt and examined.
    let mut seen: BTreeMap<String, &Template> = BTreeMap::new();
    for template in templates() {
        for side in Side::BOTH {
            for n_boxes in [1, 2] {
                let text = template.text(side, n_boxes);
                let is_odd = |c: char| !(c.is_alphanumeric() || " ,-".contains(c));
                assert!(!text.contains(is_odd), "{text}");
                assert!(!text.contains("  ") && text.trim() == text, "{text}");
                let n_sides = sides_named(&text).len();
                assert_eq!(n_sides, usize::from(template.has_side()), "{text}");
                let other = seen.insert(text.clone(), template);
                assert!(other.is_none_or(|other| other == template), "{text} twice");
            }
        }
    }
}

#[test]
fn keeping_the_box_on_a_side_is_passing_it_on_the_other() {
    // The robot would take the wrong side whenever it is told so in these words.
    for template in templates().iter().filter(|template| template.has_side()) {
        for side in Side::BOTH {
            let named = sides_named(&template.text(side, 1));
            let means_other = template.form() == Form::Keep;
            assert_eq!(named[0] == side, !means_other, "{}", template.text(side, 1));
        }
    }
    let keep: Vec<_> = templates().iter().filter(|t| t.form() == Form::Keep).collect();
    assert_eq!(
        keep[0].text(Side::Right, 2),
        "keep the boxes on your left and go to the cup",
        "with the boxes on its left, the robot passes on their right"
    );
}

#[test]
fn held_out_words_all_occur_in_training() {
    // A word nobody was taught would be examined, and the score say nothing of understanding.
    let mut known = BTreeSet::new();
    for text in texts(|template| !template.is_held_out()) {
        known.extend(words(&text));
    }
    for text in texts(Template::is_held_out) {
        for word in words(&text) {
            assert!(known.contains(&word), "{word:?} of {text:?}");
        }
    }
}

#[test]
fn the_tasks_own_sentences_are_learnt() {
    // The station's suggestions would be sentences the policy never saw.
    let training = texts(|template| !template.is_held_out());
    for side in Side::BOTH {
        assert!(training.iter().any(|text| text == side.instruction()));
        let mut rng = Pcg64::seed_from_u64(1);
        assert_eq!(draw(Wording::One, side, 1, &mut rng), side.instruction());
    }
}

#[test]
fn drawing_keeps_to_its_templates() {
    // Held-out sentences would leak into training, or a side be named where there is no box.
    let mut rng = Pcg64::seed_from_u64(2);
    let training = texts(|template| !template.is_held_out());
    let held = texts(Template::is_held_out);
    let mut drawn = BTreeSet::new();
    for i in 0..4000_usize {
        let (side, n_boxes) = (Side::BOTH[i % 2], i % 3);
        let text = draw(Wording::Training, side, n_boxes, &mut rng);
        assert!(training.contains(&text) && !held.contains(&text), "{text}");
        assert_eq!(sides_named(&text).is_empty(), n_boxes == 0, "{text}");
        assert!(held.contains(&draw(Wording::HeldOut, side, n_boxes, &mut rng)));
        drawn.insert(text);
    }
    assert!(drawn.len() > 300, "{} of {}", drawn.len(), training.len());
}

#[test]
fn a_mirrored_template_is_that_of_the_other_side() {
    // Mirrored pictures would be learnt with the wrong words.
    for template in templates() {
        for n_boxes in [1, 2] {
            let [left, right] = Side::BOTH.map(|side| template.text(side, n_boxes));
            assert_eq!(mirror(&left), right);
            assert_eq!(mirror(&right), left);
            assert!(is_mirrorable(&left), "{left}");
        }
    }
}

#[test]
fn typed_texts_are_mirrored_word_by_word() {
    // What operators type would be learnt with the wrong side, or garbled.
    let cases = [
        ("Left, then RIGHT of it", "Right, then LEFT of it"),
        ("the left-hand side", "the right-hand side"),
        ("go leftwards", "go rightwards"),
        ("a bright cleft", "a bright cleft"),
        ("상자오른쪽으로가", "상자왼쪽으로가"),
        ("왼 쪽으로", "오른 쪽으로"),
        ("좌측을 우회하여", "우측을 우회하여"),
        ("좌회전 후 우로", "우회전 후 좌로"),
        ("떠오른 공을 좌우로", "떠오른 공을 좌우로"),
        ("오른 box", "왼 box"),
        ("", ""),
    ];
    for (text, mirrored) in cases {
        assert_eq!(mirror(text), mirrored);
        assert_eq!(mirror(mirrored), text);
    }
    assert_eq!(sides_named("왼쪽 then right"), [Side::Left, Side::Right]);
    for text in ["stop right in front of it", "go right now", "all right", "drive clockwise"] {
        assert!(!is_mirrorable(text), "{text}");
    }
    assert!(is_mirrorable("go right of the box, then LEFT to the cup"));
}

proptest! {
    #[test]
    fn mirroring_twice_changes_nothing(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "left", "Right", "LEFT", "왼쪽", "오른", "오른편", "좌", "우회", "회전", "로", "쪽",
                " ", "-", "box", "을", ", ", "7", "é",
            ]),
            0..12,
        ),
    ) {
        // Pictures mirrored back would keep the wrong words.
        let text = parts.concat();
        prop_assert_eq!(mirror(&mirror(&text)), text);
    }
}
