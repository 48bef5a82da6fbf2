//! One source file with all of its mutants in it, each behind a switch that is asked at run time.
//!
//! `a < b` becomes `if on(7) { a <= b } else if on(8) { a == b } else { a < b }`, a function starts with
//! `if on(9) { return 0; }`, and so on. Comments mark where each mutant stands, so that a compiler error names its mutant.

use std::collections::BTreeMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::Result;
use crate::list::{Genre, Mutant};

/// The text with switches, and which mutants have none (they are not in this form of the program).
pub(crate) struct Switched {
    pub(crate) text: String,
    pub(crate) without: Vec<usize>,
}

/// Puts the mutants into `source`, which is the text that they were listed for.
pub(crate) fn switched(source: &str, mutants: &[&Mutant]) -> Result<Switched> {
    let file = syn::parse_file(source)?;
    let mut by_start: BTreeMap<(Genre, usize), Vec<&Mutant>> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        if let Some((name, _)) = mutant.constant() {
            by_name.entry(name).or_default().push(mutant);
            continue;
        }
        let at = (mutant.genre, mutant.start);
        by_start.entry(at).or_default().push(mutant);
    }
    let mut finder = Finder {
        wanted: by_start,
        constants: by_name,
        sites: Vec::new(),
    };
    finder.visit_file(&file);
    let mut sites = finder.sites;
    for (&(genre, start), wanted) in &finder.wanted {
        if genre == Genre::FnValue {
            sites.push(Site::new(start..start, Shape::Returns, wanted));
        }
    }
    // Outer ones first, and what a function starts with before its first expression.
    sites.sort_by_key(|site| {
        let returns = matches!(site.shape, Shape::Returns);
        (
            site.range.start,
            !returns,
            std::cmp::Reverse(site.range.end),
        )
    });
    let with: Vec<usize> = sites
        .iter()
        .flat_map(|site| site.choices.iter().map(|choice| choice.0))
        .collect();
    let ids = mutants.iter().map(|mutant| mutant.id);
    Ok(Switched {
        text: render(source, 0..source.len(), &sites),
        without: ids.filter(|id| !with.contains(id)).collect(),
    })
}

/// A place that mutants change.
struct Site {
    range: Range<usize>,
    shape: Shape,
    /// Numbers and replacements.
    choices: Vec<(usize, String)>,
}

enum Shape {
    /// An operator at this place inside the expression.
    Binary(Range<usize>),
    /// An operator that is left out.
    Unary(Range<usize>),
    /// The guard of a match arm.
    Guard,
    /// Whether a match arm is there: after its pattern, or around its guard.
    Arm { guarded: bool },
    /// A function that returns at once.
    Returns,
    /// A use of a constant.
    Use,
}

impl Site {
    fn new(range: Range<usize>, shape: Shape, mutants: &[&Mutant]) -> Self {
        let choices = mutants
            .iter()
            .map(|mutant| (mutant.id, mutant.replacement.clone()))
            .collect();
        Self {
            range,
            shape,
            choices,
        }
    }
}

struct Finder<'a> {
    wanted: BTreeMap<(Genre, usize), Vec<&'a Mutant>>,
    constants: BTreeMap<&'a str, Vec<&'a Mutant>>,
    sites: Vec<Site>,
}

impl Finder<'_> {
    fn add(&mut self, genre: Genre, start: usize, range: Range<usize>, shape: Shape) {
        if let Some(mutants) = self.wanted.get(&(genre, start)) {
            self.sites.push(Site::new(range, shape, mutants));
        }
    }
}

/// Whether the expression is a `let` of a condition, or a chain with one: neither is an operand of anything but `&&`.
fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(both) => has_let(&both.left) || has_let(&both.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        if !has_let(&expr.left) && !has_let(&expr.right) {
            let op = expr.op.span().byte_range();
            let shape = Shape::Binary(op.clone());
            self.add(
                Genre::BinaryOperator,
                op.start,
                expr.span().byte_range(),
                shape,
            );
        }
        syn::visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        let op = expr.op.span().byte_range();
        let shape = Shape::Unary(op.clone());
        self.add(
            Genre::UnaryOperator,
            op.start,
            expr.span().byte_range(),
            shape,
        );
        syn::visit::visit_expr_unary(self, expr);
    }

    /// Constants are asked for at run time only: not inside one another, nor for the length of an array.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_expr_repeat(&mut self, expr: &'ast syn::ExprRepeat) {
        self.visit_expr(&expr.expr);
    }

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        let segments = &expr.path.segments;
        let own = segments.len() == 1 || segments.len() == 2 && segments[0].ident == "Self";
        let name = segments.last().map(|last| last.ident.to_string());
        if let Some(mutants) = name.and_then(|name| self.constants.get(&*name))
            && own
        {
            let mut site = Site::new(expr.span().byte_range(), Shape::Use, mutants);
            for (choice, mutant) in site.choices.iter_mut().zip(mutants) {
                choice.1 = mutant
                    .constant()
                    .map_or_else(String::new, |(_, change)| change.into());
            }
            self.sites.push(site);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let start = arm.span().byte_range().start;
        let guard = arm
            .guard
            .as_ref()
            .map(|(_, guard)| guard.span().byte_range());
        let end = arm.pat.span().byte_range().end;
        let guarded = guard.is_some();
        let range = guard.clone().unwrap_or(end..end);
        self.add(Genre::MatchArm, start, range, Shape::Arm { guarded });
        if let Some(guard) = guard {
            self.add(
                Genre::MatchArmGuard,
                guard.start,
                guard.clone(),
                Shape::Guard,
            );
        }
        syn::visit::visit_arm(self, arm);
    }
}

/// The text of a range with the switches of the sites inside it.
fn render(source: &str, range: Range<usize>, sites: &[Site]) -> String {
    let mut out = String::new();
    let mut at = range.start;
    let mut next = 0;
    while next < sites.len() {
        let site = &sites[next];
        let inside = range.start <= site.range.start && site.range.end <= range.end;
        if !inside || site.range.start < at {
            next += 1;
            continue;
        }
        out.push_str(&source[at..site.range.start]);
        out.push_str(&site.text(source, &sites[next + 1..]));
        at = site.range.end;
        next += 1;
    }
    out.push_str(&source[at..range.end]);
    out
}

impl Site {
    fn text(&self, source: &str, inner: &[Self]) -> String {
        let around = |id: usize, text: String| format!("/*m{id}*/{text}/*e{id}*/");
        let mut out = String::new();
        match &self.shape {
            Shape::Binary(op) => {
                let (left, right) = (self.range.start..op.start, op.end..self.range.end);
                for (id, with) in &self.choices {
                    let changed = format!(
                        "if crate::mutant_switch::on({id}) {{ ({}) {with} ({}) }} else ",
                        &source[left.clone()],
                        &source[right.clone()],
                    );
                    out.push_str(&around(*id, changed));
                }
                let op = &source[op.clone()];
                let (left, right) = (render(source, left, inner), render(source, right, inner));
                format!("({out}{{ ({left}) {op} ({right}) }})")
            }
            Shape::Unary(op) => {
                let operand = op.end..self.range.end;
                for (id, _) in &self.choices {
                    let changed = format!(
                        "if crate::mutant_switch::on({id}) {{ {} }} else ",
                        &source[operand.clone()],
                    );
                    out.push_str(&around(*id, changed));
                }
                let (op, operand) = (&source[op.clone()], render(source, operand, inner));
                format!("({out}{{ {op}({operand}) }})")
            }
            Shape::Use => {
                let name = &source[self.range.clone()];
                for (id, change) in &self.choices {
                    let changed =
                        format!("if crate::mutant_switch::on({id}) {{ {name}{change} }} else ");
                    out.push_str(&around(*id, changed));
                }
                format!("({out}{{ {name} }})")
            }
            Shape::Guard => {
                for (id, with) in &self.choices {
                    let changed = format!("if crate::mutant_switch::on({id}) {{ {with} }} else ");
                    out.push_str(&around(*id, changed));
                }
                format!("({out}{{ {} }})", render(source, self.range.clone(), inner))
            }
            Shape::Arm { guarded } => {
                let id = self.choices[0].0;
                let there = around(id, format!("!crate::mutant_switch::on({id})"));
                if *guarded {
                    format!("{there} && ({})", render(source, self.range.clone(), inner))
                } else {
                    format!(" if {there}")
                }
            }
            Shape::Returns => {
                for (id, with) in &self.choices {
                    let changed =
                        format!("if crate::mutant_switch::on({id}) {{ return {with}; }} ");
                    out.push_str(&around(*id, changed));
                }
                out
            }
        }
    }
}

/// Which mutant a place in a switched text belongs to.
pub(crate) fn mutant_at(text: &str, offset: usize) -> Option<usize> {
    let number = |id: &str| id.parse::<usize>().ok();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("/*").map(|found| at + found) {
        if found > offset {
            break;
        }
        let end = found + text[found..].find("*/")? + 2;
        let mark = &text[found + 2..end - 2];
        if let Some(id) = mark.strip_prefix('e').and_then(number) {
            // A mark that lies before the place closes what it names.
            open.retain(|known| *known != id);
        } else if let Some(id) = mark.strip_prefix('m').and_then(number) {
            open.push(id);
        }
        at = end;
    }
    open.pop()
}

/// All mutants in the innermost function around a place in a switched text.
pub(crate) fn mutants_around(text: &str, offset: usize) -> Vec<usize> {
    struct Around(usize, Range<usize>);
    impl<'ast> Visit<'ast> for Around {
        fn visit_block(&mut self, block: &'ast syn::Block) {
            let range = block.span().byte_range();
            // Only functions: blocks inside them are smaller than what the error is about.
            if range.contains(&self.0) {
                self.1 = range;
            }
        }
    }
    let mut around = Around(offset, 0..0);
    if let Ok(file) = syn::parse_file(text) {
        around.visit_file(&file);
    }
    let marks = text[around.1].split("/*m").skip(1);
    marks
        .filter_map(|mark| mark.split("*/").next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests;
