//! A progress bar on a terminal, nothing elsewhere.

use std::{fmt::Write, io::IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::table::grouped;

/// A bar over this many requests on standard error, with rate and remaining time. Hidden unless standard error is a
/// terminal.
pub fn bar(total: u64) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    let template =
        "{msg:>24} {bar:32} {percent:>3} %  {human_pos}/{human_len}  {rate}/s  {eta} left";
    let style = ProgressStyle::with_template(template).expect("a valid template");
    bar.set_style(style.with_key("rate", rate));
    bar
}

/// The library's own rate has digits behind the point.
fn rate(state: &ProgressState, out: &mut dyn Write) {
    // Writing to the bar's own text cannot fail.
    let _ = out.write_str(&grouped(state.per_sec() as u64));
}
