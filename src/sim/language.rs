//! What people say to the robot: instructions for the task, in English and Korean.
//!
//! A [`Template`] is one way of saying it; with a side and a number of boxes it becomes a text. In
//! a template `<a|b>` is a when the boxes are to be passed on the left and b on the right, and
//! `[a|b]` is a for one box and b for more.
//!
//! Some templates are held out: nobody trains on them, so that obeying them shows that the words
//! were understood. The rule, which stays true when templates are added at the end of their form:
//! of each [`Form`] in each language every fourth one, the fourth first. A test holds that each of
//! their words occurs in the others.
//!
//! Deliberately absent: what a policy makes of the text.

mod english;
mod korean;
mod mirror;

use std::sync::LazyLock;

use rand::RngExt;

use super::Side;

pub use mirror::{is_mirrorable, mirror, sides_named};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    English,
    Korean,
}

/// How a template builds its sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// Go around the box on a side.
    Around,
    /// Pass the box on a side.
    Pass,
    /// Take the side itself as the way; English only, Korean says it as [`Self::Pass`].
    Way,
    /// The goal is named first.
    GoalFirst,
    /// Keep the box on a side of yours, which means to pass it on the other one.
    Keep,
    /// As few words as will do.
    Short,
    /// No side: nothing is in the way.
    Plain,
}

/// One way of saying what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Template {
    language: Language,
    form: Form,
    pattern: &'static str,
    is_held_out: bool,
}

/// Which templates to draw from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wording {
    /// Always the same sentence, [`Side::instruction`].
    One,
    /// Those to learn from.
    #[default]
    Training,
    /// Those to examine with.
    HeldOut,
}

/// Each template that is held out is the last of this many of its form.
const PER_HELD_OUT: usize = 4;

/// All templates, in the order of language and form.
#[must_use]
pub fn templates() -> &'static [Template] {
    static ALL: LazyLock<Vec<Template>> = LazyLock::new(|| {
        let languages = [(Language::English, english::FORMS), (Language::Korean, korean::FORMS)];
        let forms = languages.into_iter().flat_map(|(language, forms)| {
            forms.iter().map(move |(form, patterns)| (language, *form, *patterns))
        });
        forms.flat_map(|(language, form, patterns)| of_form(language, form, patterns)).collect()
    });
    &ALL
}

fn of_form(
    language: Language,
    form: Form,
    patterns: &'static [&'static str],
) -> impl Iterator<Item = Template> {
    patterns.iter().enumerate().map(move |(i, pattern)| {
        let is_held_out = i % PER_HELD_OUT == PER_HELD_OUT - 1;
        Template { language, form, pattern, is_held_out }
    })
}

/// An instruction for a world of `n_boxes`; without boxes, one that names no side.
#[must_use]
pub fn draw(wording: Wording, side: Side, n_boxes: usize, rng: &mut impl rand::Rng) -> String {
    let fits = |template: &&Template| {
        template.has_side() == (n_boxes > 0)
            && match wording {
                Wording::One => template.text(side, 1) == side.instruction(),
                Wording::Training => !template.is_held_out,
                Wording::HeldOut => template.is_held_out,
            }
    };
    let fitting: Vec<_> = templates().iter().filter(fits).collect();
    let drawn = fitting.get(rng.random_range(0..fitting.len().max(1)));
    // Only `One` has none, where there is no box.
    drawn.map_or_else(|| side.instruction().to_owned(), |template| template.text(side, n_boxes))
}

impl Template {
    /// The instruction to pass `n_boxes` on `side`.
    #[must_use]
    pub fn text(&self, side: Side, n_boxes: usize) -> String {
        let by_side = |left, right| if side == Side::Left { left } else { right };
        let by_count = |one, many| if n_boxes < 2 { one } else { many };
        let mut text = String::with_capacity(self.pattern.len());
        let mut rest = self.pattern;
        while let Some((before, choice, after)) = next_choice(rest) {
            text.push_str(before);
            text.push_str(match choice {
                Choice::Side(left, right) => by_side(left, right),
                Choice::Count(one, many) => by_count(one, many),
            });
            rest = after;
        }
        text + rest
    }

    /// Whether it says on which side to pass.
    #[must_use]
    pub fn has_side(&self) -> bool {
        self.form != Form::Plain
    }

    /// Whether nobody may learn from it.
    #[must_use]
    pub const fn is_held_out(&self) -> bool {
        self.is_held_out
    }

    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }
}

enum Choice<'a> {
    Side(&'a str, &'a str),
    Count(&'a str, &'a str),
}

/// The first choice in a pattern, with what stands before and after it.
fn next_choice(pattern: &str) -> Option<(&str, Choice<'_>, &str)> {
    let open = pattern.find(['<', '['])?;
    let (before, inside) = pattern.split_at(open);
    let is_side = inside.starts_with('<');
    let (options, after) = inside.get(1..)?.split_once(if is_side { '>' } else { ']' })?;
    let (a, b) = options.split_once('|')?;
    Some((before, if is_side { Choice::Side(a, b) } else { Choice::Count(a, b) }, after))
}

/// Every text of the templates that `is_wanted` accepts, each once.
#[must_use]
pub fn texts(is_wanted: impl Fn(&Template) -> bool) -> Vec<String> {
    let wanted = templates().iter().filter(|template| is_wanted(template));
    let each = wanted.flat_map(|template| {
        Side::BOTH.into_iter().flat_map(|side| [1, 2].map(|n| template.text(side, n)))
    });
    let mut texts: Vec<_> = each.collect();
    texts.sort();
    texts.dedup();
    texts
}

#[cfg(test)]
mod tests;
