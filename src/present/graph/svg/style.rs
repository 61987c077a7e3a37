//! The style sheet of a picture.
//!
//! Plain rules are for light mode, and a media query changes them for dark mode. Not custom properties, which would be
//! shorter: Inkscape, librsvg and resvg know neither those nor the query, and draw the light picture.

use std::fmt::Write as _;

use crate::present::graph::hue::Hue;

/// Half of the rules: everything that is a colour.
struct Scheme {
    page: Hue,
    pill: Hue,
    ink: Hue,
    muted: Hue,
    /// Shares of a level's colour in a box, in the PID 1 and in lines, and the colour under the lines.
    shares: [u16; 3],
    line: Hue,
}

const LIGHT: Scheme = Scheme {
    page: Hue::WHITE,
    pill: Hue::WHITE,
    ink: Hue::new(0x1f, 0x23, 0x28),
    muted: Hue::new(0x59, 0x63, 0x6e),
    shares: [16, 50, 80],
    line: Hue::BLACK,
};

const DARK: Scheme = Scheme {
    page: Hue::new(0x0d, 0x11, 0x17),
    pill: Hue::new(0x16, 0x1b, 0x22),
    ink: Hue::new(0xe6, 0xed, 0xf3),
    muted: Hue::new(0x9d, 0xa7, 0xb1),
    shares: [18, 42, 80],
    line: Hue::new(0x0d, 0x11, 0x17),
};

/// All rules for a picture so many levels deep.
pub(super) fn sheet(depth: usize) -> String {
    let mut css = String::from(
        "\
.nestns text{font:13px ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace}
.nestns .name{font-weight:600}
.nestns .small{font-size:11px}
.nestns .right{text-anchor:end}
.nestns .middle{text-anchor:middle}
.nestns .prose{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif}
.nestns .head{font-size:20px;font-weight:600}
.nestns .small.prose{font-size:11px}
.nestns .box{stroke-width:1.5}
.nestns .pill{stroke-width:1}
.nestns .init{stroke-width:1.5}
.nestns .joined,.nestns .rest{stroke-dasharray:4 3}
.nestns .rest{fill:none}
.nestns .wait{fill:none;stroke-width:1.2;stroke-dasharray:4 3}
",
    );
    colours(&mut css, &LIGHT, depth);
    css.push_str("@media (prefers-color-scheme:dark){\n");
    colours(&mut css, &DARK, depth);
    css.push('}');
    css
}

fn colours(css: &mut String, scheme: &Scheme, depth: usize) {
    let Scheme {
        page,
        pill,
        ink,
        muted,
        shares: [of_box, of_init, of_line],
        line,
    } = scheme;
    // Writing into a string cannot fail.
    let _ = writeln!(css, ".nestns .page{{fill:{page}}}");
    let _ = writeln!(css, ".nestns text{{fill:{ink}}}");
    let _ = writeln!(css, ".nestns .muted{{fill:{muted}}}");
    let _ = writeln!(css, ".nestns .rest{{stroke:{muted}}}");
    let _ = writeln!(css, ".nestns .wait{{stroke:{muted}}}");
    let _ = writeln!(css, ".nestns .tip{{fill:{muted}}}");
    let _ = writeln!(css, ".nestns .crown{{fill:{ink}}}");
    for level in 1..=depth {
        let hue = Hue::of(level);
        let (tint, strong, line) = (
            hue.over(*of_box, *page),
            hue.over(*of_init, *page),
            hue.over(*of_line, *line),
        );
        let _ = writeln!(css, ".nestns .box.l{level}{{fill:{tint};stroke:{line}}}");
        let _ = writeln!(css, ".nestns .pill.l{level}{{fill:{pill};stroke:{line}}}");
        let _ = writeln!(css, ".nestns .init.l{level}{{fill:{strong};stroke:{line}}}");
    }
}
