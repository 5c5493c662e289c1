use super::Form;

/// By form; see the module above for how a pattern is read. Add at the end of a form only.
pub(super) const FORMS: &[(Form, &[&str])] = &[
    (Form::Around, AROUND),
    (Form::Pass, PASS),
    (Form::Way, WAY),
    (Form::GoalFirst, GOAL_FIRST),
    (Form::Keep, KEEP),
    (Form::Short, SHORT),
    (Form::Plain, PLAIN),
];

const AROUND: &[&str] = &[
    "go around the [box|boxes] on the <left|right> and reach the cup",
    "drive around the [box|boxes] on the <left|right> and stop at the cup",
    "move around the [box|boxes] to the <left|right>, then go to the cup",
    "drive around the [box|boxes] to the <left|right> and reach the cup",
    "please go around the [box|boxes] on the <left|right> side and stop at the cup",
    "circle around the [box|boxes] on the <left|right> and drive to the cup",
    "go <left|right> around the [box|boxes] and stop in front of the cup",
    "please drive <left|right> around the [box|boxes] and go to the cup",
    "navigate around the [box|both boxes] on the <left|right> and approach the target",
    "steer around the [obstacle|obstacles] on the <left|right> and reach the target",
    "get around the [box|two boxes] on the <left|right>-hand side and reach the cup",
    "navigate around the [obstacle|two boxes] on the <left|right> side and stop at the target",
    "head around the [box|boxes] from the <left|right> and stop by the cup",
    "swing <left|right> around the [box|boxes], then approach the cup",
    "avoid the [box|boxes] by going <left|right> and stop at the target",
    "avoid the [obstacle|obstacles] by going around on the <left|right>, then go to the cup",
];

const PASS: &[&str] = &[
    "pass the [box|boxes] on the <left|right> and stop at the cup",
    "pass the [box|boxes] on the <left|right>, then go to the target",
    "pass <left|right> of the [box|boxes] and drive to the cup",
    "pass <left|right> of the [box|boxes], then stop at the cup",
    "go past the [box|boxes] on the <left|right> and reach the cup",
    "go past the [obstacle|obstacles] on the <left|right> side and stop at the target",
    "drive past the [box|two boxes] on the <left|right> and approach the cup",
    "drive past the [obstacle|both boxes] on the <left|right> and reach the target",
    "please pass the [box|boxes] on the <left|right> side and reach the target",
    "move past the [box|boxes] on the <left|right>, then stop in front of the cup",
    "get past the [box|boxes] on the <left|right>-hand side and go to the cup",
    "please move past the [box|boxes] on the <left|right>-hand side and stop at the cup",
    "bypass the [box|boxes] on the <left|right> and proceed to the cup",
    "bypass the [obstacle|obstacles] to the <left|right> and proceed to the target",
    "proceed past the [box|boxes] on the <left|right> and halt at the cup",
    "bypass the [box|both boxes] on the <left|right> side and halt at the target",
];

const WAY: &[&str] = &[
    "take the <left|right> side of the [box|boxes] and go to the cup",
    "stay <left|right> of the [box|boxes] and drive to the cup",
    "keep to the <left|right> of the [box|boxes] and stop at the cup",
    "take the <left|right> side of the [obstacle|obstacles] and stop at the cup",
    "drive along the <left|right> side of the [box|boxes] to the cup",
    "go to the <left|right> of the [box|boxes] and reach the target",
    "keep <left|right> of the [box|boxes] on the way to the cup",
    "stay to the <left|right> of the [box|boxes] on the way to the target",
    "use the <left|right> side to get past the [box|boxes] and approach the cup",
    "choose the way <left|right> of the [box|boxes] and proceed to the target",
    "follow the <left|right> side of the [box|boxes], then stop at the cup",
    "choose the <left|right> side of the [box|two boxes], then go to the target",
];

const GOAL_FIRST: &[&str] = &[
    "go to the cup, passing the [box|boxes] on the <left|right>",
    "reach the cup by going around the [box|boxes] on the <left|right>",
    "drive to the cup by the <left|right> side of the [box|boxes]",
    "drive to the cup, passing the [box|boxes] on the <left|right>",
    "stop at the cup after passing the [box|boxes] on the <left|right> side",
    "approach the target from the <left|right> side of the [box|boxes]",
    "find the cup, going <left|right> around the [box|boxes]",
    "reach the target by going <left|right> around the [obstacle|obstacles]",
    "please go to the target, but pass the [obstacle|obstacles] on the <left|right>",
    "the cup is your target, pass the [box|both boxes] on the <left|right>",
    "get to the cup, the way is <left|right> of the [box|boxes]",
    "please get to the cup, but go around the [box|boxes] on the <left|right>",
];

const KEEP: &[&str] = &[
    "keep the [box|boxes] on your <right|left> and go to the cup",
    "keep the [box|boxes] to your <right|left> and stop at the cup",
    "drive to the cup with the [box|boxes] on your <right|left>",
    "drive with the [box|boxes] on your <right|left> and stop at the cup",
    "keep the [obstacle|obstacles] on your <right|left> and reach the target",
    "leave the [box|boxes] on your <right|left> and proceed to the cup",
    "go to the cup and keep the [box|boxes] on your <right|left> side",
    "go to the target with the [box|boxes] to your <right|left>",
    "with the [box|both boxes] on your <right|left>, drive to the cup",
    "please keep the [box|boxes] on your <right|left>-hand side and go to the cup",
    "have the [box|two boxes] on your <right|left> while you pass, then stop at the target",
    "please leave the [box|boxes] to your <right|left> and stop at the cup",
];

const SHORT: &[&str] = &[
    "<left|right> of the [box|boxes], then the cup",
    "<left|right> around the [box|boxes]",
    "cup, <left|right> side",
    "<left|right> side of the [box|boxes], then the cup",
    "pass on the <left|right>, go to the cup",
    "<left|right> then cup",
    "go <left|right>",
    "go <left|right>, then the cup",
    "just go <left|right> of the [box|boxes] to the cup",
    "take the <left|right> way to the cup",
    "hey robot, go <left|right> around the [box|boxes] to the cup",
    "robot, pass the [box|boxes] on the <left|right>",
];

const PLAIN: &[&str] = &[
    "go to the cup",
    "drive to the cup and stop",
    "find the target",
    "drive to the target",
    "go straight to the cup and stop in front of it",
    "please approach the cup",
    "stop at the cup",
    "please go straight to the target",
    "reach the cup",
    "head to the target and stop",
    "get to the cup",
    "head to the cup and stop in front of it",
];
